/** What suites with running brokers share. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { BenchBroker } from '../brokers.ts'
import type { Measured, Metric, Row, SuiteOptions } from '../harness.ts'
import { processUse } from '../process-use.ts'

/** A row that loads a running broker; a failure says what became of it. */
export function row(
  { broker }: SuiteOptions,
  name: string,
  metrics: Readonly<Record<string, Metric>>,
  measure: (broker: BenchBroker) => Promise<Measured>,
): Row {
  return {
    name,
    metrics,
    run: async contender => {
      const running = await broker(contender)
      try {
        return await measure(running)
      } catch (error) {
        throw new Error(`${name} failed; ${running.lastWords()}`, { cause: error })
      }
    },
  }
}

/** By then a broker that gives memory back when it has nothing to do has done so. */
const quietMs = 3000

/** The last row of a suite: what the brokers hold after all that came before, and what they go on holding. */
export function memoryRow(options: SuiteOptions, suite: string): Row {
  const metrics = {
    'resident at once': { unit: 'MB', better: 'lower' },
    'resident, 3 s later': { unit: 'MB', better: 'lower' },
  } as const
  const measured = row(options, `after all of ${suite}`, metrics, async ({ pid }) => {
    const atOnce = processUse(pid).residentBytes / 1e6
    if (!options.smoke) await sleep(quietMs)
    return { 'resident at once': atOnce, 'resident, 3 s later': processUse(pid).residentBytes / 1e6 }
  })
  return { ...measured, pairs: 1 }
}

export function sizeText(bytes: number): string {
  return bytes >= 1_048_576 ? `${bytes / 1_048_576} MB` : `${bytes / 1024} KB`
}

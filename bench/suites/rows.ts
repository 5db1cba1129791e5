/** What suites with running brokers share. */
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

/** The last row of a suite: what the brokers hold after all that came before. */
export function memoryRow(options: SuiteOptions, suite: string): Row {
  const metrics = { resident: { unit: 'MB', better: 'lower' } } as const
  const measured = row(options, `after all of ${suite}`, metrics, async ({ pid }) => ({
    resident: processUse(pid).residentBytes / 1e6,
  }))
  return { ...measured, pairs: 1 }
}

export function sizeText(bytes: number): string {
  return bytes >= 1_048_576 ? `${bytes / 1_048_576} MB` : `${bytes / 1024} KB`
}

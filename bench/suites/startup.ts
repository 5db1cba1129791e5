/** How long a broker takes from nothing to answering, and what it costs to have one sitting there. */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { processUse, startBenchBroker } from '../brokers.ts'
import type { Contender, Measured, Suite } from '../harness.ts'

export const startup: Suite = {
  name: 'startup',
  what: 'start with an empty data folder, answer a first request, then idle',
  contenders: ['ottla', 'kafka'],
  async open({ smoke, folder }) {
    let run = 0
    const row = {
      name: 'start, then idle',
      metrics: {
        'until the first answer': { unit: 'ms', better: 'lower' },
        'resident after idling': { unit: 'MB', better: 'lower' },
        'CPU while idle': { unit: '% of a core', better: 'lower', digits: 2 },
      } as const,
      async run(contender: Contender): Promise<Measured> {
        run += 1
        const broker = await startBenchBroker(contender, join(folder, `${contender}-${run}`))
        try {
          // What start-up left to do is not idling.
          await sleep(smoke ? 100 : 3000)
          const before = processUse(broker.pid)
          const idleSeconds = smoke ? 0.5 : 10
          await sleep(idleSeconds * 1000)
          const after = processUse(broker.pid)
          return {
            'until the first answer': broker.readyMs,
            'resident after idling': after.residentBytes / 1e6,
            'CPU while idle': ((after.cpuSeconds - before.cpuSeconds) / idleSeconds) * 100,
          }
        } finally {
          await broker.stop()
        }
      },
    }
    return { rows: [row], close: async () => {} }
  },
}

/**
 * A group that moves from the classic to the consumer protocol and back while it works: in between it has members of both kinds. Clients that know only the
 * classic protocol stay in it all the while.
 */
import { join } from 'node:path'
import type { Result } from '../runner/results.ts'
import { carryOut, type GroupRun } from './group-run.ts'
import type { Assignor } from './classic.ts'
import type { Client } from './program.ts'

type Plan = {
  readonly assignor: Assignor
  /** These change their protocol, one after the other. */
  readonly movers: readonly Client[]
  /** These stay members of the classic protocol. */
  readonly stayers: readonly Client[]
}

export const plans: readonly Plan[] = [
  { assignor: 'cooperative-sticky', movers: ['java', 'librdkafka', 'franz-go'], stayers: [] },
  { assignor: 'range', movers: ['franz-go', 'java'], stayers: ['sarama', 'kafkajs'] },
]

export function migrationScenario(
  suite: string,
  address: string,
  plan: Plan,
  dir: string,
  progress: (line: string) => void,
): Promise<Result[]> {
  const group = `migration-${plan.assignor}-${Date.now().toString(36)}`
  const topics = [`${group}-a`, `${group}-b`]
  const scenario = { suite, title: `from and to ${plan.assignor}`, address, group, topics, partitions: 6 }
  return carryOut({ ...scenario, perSecond: 300, dir: join(dir, group) }, progress, run => play(run, plan))
}

async function play(run: GroupRun, { assignor, movers, stayers }: Plan): Promise<void> {
  const classic = { protocol: 'classic', assignor, sessionMs: 6_000, heartbeatMs: 200 }
  const consumer = { protocol: 'consumer', assignor: 'uniform' }
  await run.startLoad()
  await run.step(`${[...movers, ...stayers].join(', ')} are a classic group`, async () => {
    for (const client of [...movers, ...stayers]) run.start(client, `${client}-classic`, classic)
    await run.untilShared('at the start')
    await run.describedAs('classic', assignor)
  })
  /** A new member comes, then the old one of the same client goes: both kinds are there meanwhile. */
  const move = async (client: Client, from: string, to: string, settings: typeof classic | typeof consumer) => {
    const old = run.running.find(({ name }) => name === `${client}-${from}`)!
    run.start(client, `${client}-${to}`, settings)
    await run.untilShared(`after ${client} came as ${to}`)
    await old.stop()
    await run.untilShared(`after ${client} went as ${from}`)
  }
  for (const client of movers) {
    await run.step(`${client} goes over to the consumer protocol`, () => move(client, 'classic', 'consumer', consumer))
  }
  await run.step('it is a consumer group now', () => run.describedAs('consumer', 'uniform'))
  for (const client of movers) {
    await run.step(`${client} goes back to the classic protocol`, () => move(client, 'consumer', 'again', classic))
  }
  await run.step('it is a classic group again', async () => {
    await run.untilShared('in the end')
    await run.describedAs('classic', assignor)
  })
  await run.finish('classic')
}

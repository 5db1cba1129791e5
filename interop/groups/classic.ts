/**
 * Groups of the classic protocol whose members are different clients, one group for each assignor, with those clients that have it. They come, leave, are killed
 * and come back, all under load.
 */
import { join } from 'node:path'
import type { Result } from '../runner/results.ts'
import { carryOut, type GroupRun } from './group-run.ts'
import { until, type Client, type Program } from './program.ts'

/**
 * Which clients can be in one group is decided by the name of the assignor and what its leader understands of the others' metadata. librdkafka has no `sticky`
 * and sarama no cooperative protocol; kafkajs has one assignor with a name of its own, but takes others from the program (see node/kafkajs-member.mjs).
 */
export const assignors = {
  range: ['java', 'librdkafka', 'franz-go', 'sarama', 'kafkajs'],
  roundrobin: ['java', 'librdkafka', 'franz-go', 'sarama', 'kafkajs', 'platformatic'],
  sticky: ['java', 'franz-go', 'sarama', 'franz-go'],
  'cooperative-sticky': ['java', 'librdkafka', 'franz-go', 'platformatic'],
} as const satisfies Record<string, readonly Client[]>
export type Assignor = keyof typeof assignors

const sessionMs = 6_000
/** Long enough to start a JVM in. */
const staticSessionMs = 20_000

export function classicScenario(
  suite: string,
  address: string,
  assignor: Assignor,
  dir: string,
  progress: (line: string) => void,
): Promise<Result[]> {
  const group = `classic-${assignor}-${Date.now().toString(36)}`
  const scenario = { suite, title: assignor, address, group, topics: [`${group}-a`, `${group}-b`], partitions: 6 }
  return carryOut({ ...scenario, perSecond: 300, dir: join(dir, assignor) }, progress, run => play(run, assignor))
}

async function play(run: GroupRun, assignor: Assignor): Promise<void> {
  const settings = { protocol: 'classic', assignor, sessionMs, heartbeatMs: 200 }
  const start = (client: Client, round: number) => run.start(client, `${client}-${round}`, settings)
  const [first, second, ...others] = assignors[assignor]
  let leaves: Program
  let dies: Program
  const startStatic = (life: number) =>
    run.start('franz-go', `static-${life}`, { ...settings, instance: 'one', sessionMs: staticSessionMs })
  await run.startLoad()
  await run.step(`${assignors[assignor].join(', ')} share the partitions`, async () => {
    leaves = start(first, 1)
    dies = start(second, 1)
    for (const [at, client] of others.entries()) start(client, at + 2)
    await run.untilShared('at the start')
  })
  await run.step('a member leaves', async () => {
    await leaves.stop()
    await run.untilShared('after one left')
  })
  await run.step('a member is killed', async () => {
    await dies.kill()
    await run.untilShared('after one was killed')
  })
  let fixed: Program
  await run.step('others come, one of them static', async () => {
    start(first, 10)
    start(second, 11)
    fixed = startStatic(1)
    await run.untilShared('after three came')
  })
  await run.step('a static member that is killed and comes back keeps its partitions and disturbs nobody', async () => {
    const before = [...fixed.owned].sort().join()
    const bystanders = run.running.filter(member => member !== fixed)
    const settled = bystanders.map(({ events }) => events.filter(({ kind }) => kind === 'gives').length)
    await fixed.kill()
    const again = startStatic(2)
    await until('it is back', run.running, () => again.owned.size > 0)
    const after = [...again.owned].sort().join()
    if (after !== before) throw new Error(`it had ${before}, and has ${after}`)
    await run.untilShared('after it came back')
    for (const [at, { name, events }] of bystanders.entries()) {
      const given = events.filter(({ kind }) => kind === 'gives').length - settled[at]!
      if (given > 0) throw new Error(`${name} had to give up partitions`)
    }
  })
  await run.finish('classic')
}

/**
 * Groups of the consumer protocol (KIP-848), in which the broker assigns: members that are different clients, for each assignor, and members that subscribe by a
 * regular expression, which the broker resolves.
 */
import { join } from 'node:path'
import type { Result } from '../runner/results.ts'
import { carryOut, type GroupRun } from './group-run.ts'
import { until, type Arguments, type Client, type Program } from './program.ts'

const clients: readonly Client[] = ['java', 'librdkafka', 'franz-go', 'platformatic']
/** Beyond what the client of Node's subscribes with. */
const withPatterns: readonly Client[] = ['java', 'librdkafka', 'franz-go']

/** The broker resolves a regular expression anew for new topics, though at most every ten seconds. */
const newTopicLimitMs = 40_000

export const serverAssignors = ['uniform', 'range'] as const
export type ServerAssignor = (typeof serverAssignors)[number]

export function consumerScenario(
  suite: string,
  address: string,
  assignor: ServerAssignor,
  dir: string,
  progress: (line: string) => void,
): Promise<Result[]> {
  const group = `consumer-${assignor}-${Date.now().toString(36)}`
  const scenario = { suite, title: assignor, address, group, topics: [`${group}-a`, `${group}-b`], partitions: 6 }
  return carryOut({ ...scenario, perSecond: 300, dir: join(dir, group) }, progress, run => play(run, assignor))
}

async function play(run: GroupRun, assignor: ServerAssignor): Promise<void> {
  const settings = { protocol: 'consumer', assignor }
  const members: Program[] = []
  await run.startLoad()
  await run.step(`${clients.join(', ')} share the partitions`, async () => {
    members.push(...clients.map(client => run.start(client, `${client}-1`, settings)))
    await run.untilShared('at the start')
  })
  await run.step('ConsumerGroupDescribe says what the members say', () => run.describedAs('consumer', assignor))
  await run.step('a member leaves', async () => {
    await members[0]!.stop()
    await run.untilShared('after one left')
  })
  await run.step('a member is killed', async () => {
    await members[1]!.kill()
    await run.untilShared('after one was killed')
  })
  const startStatic = (life: number) => run.start('librdkafka', `static-${life}`, { ...settings, instance: 'one' })
  let fixed: Program
  await run.step('others come, one of them static', async () => {
    run.start('java', 'java-2', settings)
    run.start('franz-go', 'franz-go-2', settings)
    fixed = startStatic(1)
    await run.untilShared('after three came')
  })
  await run.step('a static member that goes for a moment keeps its partitions and disturbs nobody', async () => {
    const before = [...fixed.owned].sort().join()
    const bystanders = run.running.filter(member => member !== fixed)
    const given = () => bystanders.map(({ events }) => events.filter(({ kind }) => kind === 'gives').length).join()
    const givenBefore = given()
    await fixed.stop()
    const again = startStatic(2)
    await until('it is back', run.running, () => again.owned.size > 0)
    const after = [...again.owned].sort().join()
    if (after !== before) throw new Error(`it had ${before}, and has ${after}`)
    await run.untilShared('after it came back')
    if (given() !== givenBefore) throw new Error('others had to give up partitions')
  })
  await run.finish('consumer')
}

/** Each client writes the same subscription in its own way; a topic that is made later is found, too. */
export function patternScenario(
  suite: string,
  address: string,
  dir: string,
  progress: (line: string) => void,
): Promise<Result[]> {
  const group = `consumer-pattern-${Date.now().toString(36)}`
  const topics = [`${group}-a`, `${group}-b`]
  const scenario = { suite, title: 'regular expression', address, group, topics, partitions: 4, perSecond: 200 }
  return carryOut({ ...scenario, dir: join(dir, group) }, progress, async run => {
    // librdkafka takes what begins with ^ for an expression; franz-go looks for it anywhere in the name.
    const patterns: Partial<Record<Client, string>> = {
      java: `${group}-.`,
      librdkafka: `^${group}-.`,
      'franz-go': `^${group}-.$`,
    }
    const settings = (client: Client): Arguments => ({
      protocol: 'consumer',
      assignor: 'uniform',
      pattern: patterns[client]!,
    })
    await run.startLoad()
    // Begins like the others, and must stay out.
    await run.step('members that subscribe by an expression share the topics that match', async () => {
      for (const client of withPatterns) run.start(client, `${client}-1`, settings(client))
      await run.untilShared('at the start')
    })
    await run.step('a topic that is made later is shared out, too', async () => {
      await run.startLoad([`${group}-c`])
      await run.untilShared('after a topic was made', newTopicLimitMs)
    })
    await run.step('ConsumerGroupDescribe says what the members say', () => run.describedAs('consumer', 'uniform'))
    await run.finish('consumer')
  })
}

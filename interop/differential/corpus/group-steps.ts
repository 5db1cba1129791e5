/** What the steps about groups share: their topics, the bytes that consumers exchange through the broker, and passing errors that are waited out. */

import { forVersions } from '../step.ts'
import type { Memory, Step, StepExtras } from '../step.ts'
import type { ApiName } from '../../../src/protocol/apis.ts'
import { newTopic } from './produce.ts'

export type Versions = readonly [first: number, last: number]

/** Four partitions; committed to, subscribed to and assigned. */
export const topic = 'grouped'
/** One partition; nobody subscribes to it. */
export const otherTopic = 'grouped-too'
/** An id that no topic has. */
export const unknownTopicId = 'AQIDBAUGBwgJCgsMDQ4PEA'
export const zeroUuid = 'AAAAAAAAAAAAAAAAAAAAAA'

export function topicIdOf(memory: Memory, name: string): string {
  return (memory.get(name) as string | undefined) ?? unknownTopicId
}

/** COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR and CONCURRENT_TRANSACTIONS pass. */
const passing = /[eE]rrorCode":(14|15|16|51)\b/

export function isSettled(answer: unknown): boolean {
  return !passing.test(JSON.stringify(answer, (_, value) => (typeof value === 'bigint' ? String(value) : value)))
}

/** One step for each version, asked again while the coordinator comes up; `until` is a further condition. */
export function ask(
  api: ApiName,
  versions: Versions,
  name: string,
  body: (version: number, memory: Memory) => object,
  more: StepExtras = {},
): Step[] {
  const { until = () => true } = more
  return forVersions(api, versions, name, body, { ...more, until: answer => isSettled(answer) && until(answer) })
}

export function prepareGroups(): Step[] {
  return [
    ...forVersions('CreateTopics', [7, 7], 'for groups', () => ({
      topics: [newTopic(topic, 4), newTopic(otherTopic, 1)],
      timeoutMs: 30_000,
    })),
    ...forVersions(
      'Metadata',
      [12, 12],
      'of topics for groups',
      () => ({ topics: [{ name: topic }, { name: otherTopic }], allowAutoTopicCreation: false }),
      {
        until: answer => answer.topics.every((each: any) => each.errorCode === 0 && each.partitions.length > 0),
        remember: (answer, memory) => {
          for (const each of answer.topics) memory.set(each.name, each.topicId)
        },
      },
    ),
    // Looking for a coordinator is what has the internal topic made.
    ...ask('FindCoordinator', [0, 3], 'of a group', () => ({ key: 'group' })),
    ...ask('FindCoordinator', [4, 6], 'of two groups', () => ({ coordinatorKeys: ['group', 'other'] })),
  ]
}

/** A consumer's subscription, as its protocol has it in version 0. */
export function subscription(topics: readonly string[]): Buffer {
  const version = Buffer.from([0, 0])
  const names = topics.map(name => Buffer.concat([int16(name.length), Buffer.from(name)]))
  return Buffer.concat([version, int32(topics.length), ...names, int32(-1)])
}

/** A consumer's assignment of partitions of one topic. */
export function assignment(name: string, partitions: readonly number[]): Buffer {
  const numbers = [int32(partitions.length), ...partitions.map(int32)]
  return Buffer.concat([Buffer.from([0, 0]), int32(1), int16(name.length), Buffer.from(name), ...numbers, int32(-1)])
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

/** What is seen of a group afterwards. */
export function seen(groupId: string, name: string): Step[] {
  return [
    ...ask('DescribeGroups', [6, 6], name, () => ({ groups: [groupId], includeAuthorizedOperations: true })),
    ...ask('OffsetFetch', [9, 9], name, () => ({ groups: [{ groupId, topics: null }] })),
  ]
}

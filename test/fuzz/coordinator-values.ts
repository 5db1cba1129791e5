/**
 * Values for requests of groups and transactions: who it is that asks, as one whom the broker knows or as nobody; what members tell each other through the
 * broker, sound or spoilt within; and regular expressions that are expensive for who backtracks, or that are none.
 */

import {
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
} from '../../src/protocol/internal/consumer-protocol.ts'
import { layoutOf } from '../../src/protocol/layout.ts'
import type { Layout } from '../../src/protocol/layout.ts'
import type { SeededRandom } from '../../src/std/random.ts'
import { flipped } from './batches.ts'
import { encodeMarked, MarkedWriter } from './marked-encoder.ts'
import type { Struct } from './marked-encoder.ts'
import type { KnownMember, KnownProducer, World } from './world.ts'

/** Whom one request comes from, all over. */
export class Caller {
  readonly member: KnownMember
  readonly producer: KnownProducer
  readonly #random: SeededRandom

  constructor(random: SeededRandom, world: World) {
    this.#random = random
    this.member = random.pick(world.members)
    this.producer = random.pick(world.producers)
  }

  /** Undefined where the field has nothing to do with groups and transactions. */
  string(name: string): string | undefined {
    const random = this.#random
    switch (name) {
      case 'groupId':
      case 'groupIds':
      case 'groups':
      case 'groupsNames':
        return random.chance(0.9) ? this.member.groupId : random.pick(['', 'group-1', 'fuzz-nobody'])
      case 'memberId':
        return random.chance(0.7) ? this.member.memberId : random.pick(['', '', 'member-a', 'nobody'])
      case 'instanceId':
      case 'groupInstanceId':
        return random.pick(['instance-1', 'instance-2', ''])
      case 'transactionalId':
      case 'transactionalIds':
      case 'v3AndBelowTransactionalId':
        return random.chance(0.9) ? this.producer.transactionalId : random.pick(['', 'fuzz-nobody'])
      case 'key':
      case 'coordinatorKeys':
        return random.pick([this.member.groupId, this.producer.transactionalId, ''])
      case 'protocolType':
        return random.pick(['consumer', 'consumer', 'consumer', 'connect', ''])
      case 'protocolName':
        return random.pick(protocolNames)
      case 'serverAssignor':
        return random.pick(['uniform', 'range', 'range', 'sticky'])
      case 'rackId':
        return random.pick(['rack-a', 'rack-b'])
      case 'subscribedTopicRegex':
      case 'transactionalIdPattern':
        return random.pick(regexes)
      case 'statesFilter':
      case 'stateFilters':
        return random.pick(['Stable', 'empty', 'Ongoing', 'CompleteAbort', 'Nonsense'])
      case 'typesFilter':
        return random.pick(['consumer', 'Classic', 'share', ''])
      default:
        return undefined
    }
  }

  int(name: string): number | undefined {
    const random = this.#random
    switch (name) {
      case 'generationId':
      case 'memberEpoch':
      case 'generationIdOrMemberEpoch':
        return random.chance(0.6) ? this.member.epoch : random.pick([0, 0, -1, -1, -2, this.member.epoch + 1])
      case 'producerEpoch':
      case 'v3AndBelowProducerEpoch':
        return random.chance(0.8) ? this.producer.producerEpoch : random.pick([-1, 0, 1])
      default:
        return undefined
    }
  }

  int64(name: string): bigint | undefined {
    return /^(v3AndBelowProducerId|producerId)$/.test(name) && this.#random.chance(0.8)
      ? this.producer.producerId
      : undefined
  }

  /** `structOf` gives values for what is inside. */
  bytes(name: string, hostile: boolean, structOf: (layout: Layout, path: string) => Struct): Uint8Array | undefined {
    if (name !== 'metadata' && name !== 'assignment') return undefined
    const random = this.#random
    const message = name === 'metadata' ? ConsumerProtocolSubscription : ConsumerProtocolAssignment
    const version = random.below(4)
    const layout = layoutOf(message, version, true)
    const writer = new MarkedWriter()
    encodeMarked(layout, structOf(layout, `.${name}`), writer)
    const said = hostile || random.chance(0.05) ? random.pick([-1, 4, 0x7fff, -0x8000]) : version
    const whole = Buffer.concat([Buffer.of((said >> 8) & 0xff, said & 0xff), writer.bytes()])
    return hostile || random.chance(0.2) ? spoilt(whole, random) : whole
  }
}

const protocolNames = ['range', 'range', 'roundrobin', 'sticky', 'cooperative-sticky']

/** Kafka's brokers must not believe a count that members tell each other either. */
const countBomb = Buffer.from('00007fffffff', 'hex')

function spoilt(bytes: Buffer, random: SeededRandom): Uint8Array {
  switch (random.below(5)) {
    case 0:
      return flipped(bytes, random)
    case 1:
      return bytes.subarray(0, random.below(bytes.length + 1))
    case 2:
      return countBomb
    case 3:
      return Buffer.concat([bytes, random.bytes(random.below(20))])
    default:
      return random.bytes(random.below(60))
  }
}

const regexes: readonly string[] = [
  'fuzz-.*',
  'fuzz-[0-9]',
  'fuzz-1|fuzz-2',
  '',
  '.*',
  '(a+)+$',
  '(.*)*b',
  '(x+x+)+y',
  '(?:(?:f|fu|fuz|fuzz)-?)*!',
  '((((((((((f{0,9}){0,9})))))))))z',
  '(fuzz){1000}',
  '((a{30}){30})',
  `${'(a?)'.repeat(60)}${'a'.repeat(60)}`,
  '[\\p{L}\\p{N}]+',
  '(?=fuzz)',
  '\\1',
  '(unclosed',
  '[z-a]',
  '*',
  'x{1001}',
  '(?i)FUZZ-.*',
  `${'('.repeat(2000)}${')'.repeat(2000)}`,
]

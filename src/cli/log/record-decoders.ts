/**
 * What keys and values of records mean: text, JSON, plain bytes, or the records of Kafka's internal topics, which say of what type and version they are. What does not
 * fit is shown as bytes: a tool for damaged logs must not be stopped by a strange record.
 */
import { transactionStates } from '../../coordinator/transaction/transaction-state.ts'
import { GROUP_TOPIC, SHARE_TOPIC, TRANSACTION_TOPIC } from '../../metadata/internal-topics.ts'
import { ByteReader } from '../../protocol/byte-reader.ts'
import { codecOf } from '../../protocol/codec.ts'
import { internalMessages } from '../../protocol/internal-messages.ts'
import { ConsumerProtocolAssignment, ConsumerProtocolSubscription } from '../../protocol/internal/consumer-protocol.ts'
import type { Message } from '../../protocol/schema.ts'
import { hexOf } from './printer.ts'

export type DecoderName = 'text' | 'json' | 'hex' | 'offsets' | 'transactions' | 'share-state'

/** Of Kafka's own metadata there are no schemas here. */
const kafkaMetadataTopic = '__cluster_metadata'

/** Gives what JSON can say. */
export interface RecordDecoder {
  readonly name: DecoderName
  key(key: Uint8Array): unknown
  value(value: Uint8Array, key: Uint8Array | null): unknown
}

/** The one that the topic's name asks for. */
export function decoderForTopic(topic: string | undefined): DecoderName {
  switch (topic) {
    case GROUP_TOPIC:
      return 'offsets'
    case TRANSACTION_TOPIC:
      return 'transactions'
    case SHARE_TOPIC:
      return 'share-state'
    case kafkaMetadataTopic:
      return 'hex'
    default:
      return 'text'
  }
}

export function decoderOf(name: DecoderName): RecordDecoder {
  switch (name) {
    case 'text':
      return { name, key: textOrHex, value: textOrHex }
    case 'json':
      return { name, key: jsonOrText, value: jsonOrText }
    case 'hex':
      return { name, key: hexOf, value: hexOf }
    case 'offsets':
      return internalDecoder(name, /^(OffsetCommit|Group|ConsumerGroup|ShareGroup|StreamsGroup)/)
    case 'transactions':
      return internalDecoder(name, /^TransactionLog/)
    case 'share-state':
      return internalDecoder(name, /^(ShareSnapshot|ShareUpdate)/)
  }
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The text; `{ hex }` for what is no UTF-8. */
export function textOrHex(bytes: Uint8Array): unknown {
  try {
    return strictUtf8.decode(bytes)
  } catch {
    return { hex: hexOf(bytes) }
  }
}

function jsonOrText(bytes: Uint8Array): unknown {
  const text = textOrHex(bytes)
  if (typeof text !== 'string') return text
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}

interface RecordType {
  readonly type: string
  readonly key: Message
  readonly value: Message
}

/** The version in front of a key is the type of the record, that in front of a value its version. */
function internalDecoder(name: DecoderName, names: RegExp): RecordDecoder {
  const types = new Map<number, RecordType>()
  for (const key of internalMessages) {
    const type = /^(.+)Key$/.exec(key.name)?.[1]
    if (type === undefined || !names.test(type) || key.apiKey === null) continue
    const value = internalMessages.find(message => message.name === `${type}Value`)!
    types.set(key.apiKey, { type, key, value })
    // The oldest brokers wrote commits with keys of version 0, which say the same.
    if (type === 'OffsetCommit') types.set(0, { type, key, value })
  }
  const typeOf = (key: Uint8Array | null): RecordType | undefined =>
    key === null || key.length < 2 ? undefined : types.get(new ByteReader(key).int16())
  return {
    name,
    key: key => {
      const type = typeOf(key)
      return (type && decoded(() => ({ type: type.type, data: decodeKey(type.key, key) }))) ?? textOrHex(key)
    },
    value: (value, key) => {
      const type = typeOf(key)
      return (type && decoded(() => decodeValue(type.value, value))) ?? textOrHex(value)
    },
  }
}

function decodeKey(message: Message, bytes: Uint8Array): unknown {
  const reader = new ByteReader(bytes)
  const version = reader.int16()
  // Keys that came with Kafka 4 state their type there, and have no version but 0.
  return decodeAs(message, message.versions.includes(version) ? version : 0, reader)
}

function decodeValue(message: Message, bytes: Uint8Array): unknown {
  const reader = new ByteReader(bytes)
  const version = reader.int16()
  const data = decodeAs(message, version, reader)
  switch (message.name) {
    case 'TransactionLogValue':
      return { version, state: transactionStates[Number(data['transactionStatus'])], data }
    case 'GroupMetadataValue':
      return { version, data: data['protocolType'] === 'consumer' ? withMembersDecoded(data) : data }
    default:
      return { version, data }
  }
}

function decodeAs(message: Message, version: number, reader: ByteReader): Record<string, unknown> {
  return codecOf(message, version, { exact: true }).decode(reader)
}

/** What classic consumers tell each other goes through the group's record as bytes. */
function withMembersDecoded(data: Record<string, unknown>): Record<string, unknown> {
  const members = data['members'] as readonly Record<string, unknown>[]
  return {
    ...data,
    members: members.map(member => ({
      ...member,
      subscription: consumerProtocol(ConsumerProtocolSubscription, member['subscription'] as Uint8Array),
      assignment: consumerProtocol(ConsumerProtocolAssignment, member['assignment'] as Uint8Array),
    })),
  }
}

function consumerProtocol(message: Message, bytes: Uint8Array): unknown {
  if (bytes.length === 0) return null
  return (
    decoded(() => {
      const reader = new ByteReader(bytes)
      // Whatever newer versions add comes behind what the newest known one has.
      const version = Math.min(reader.int16(), message.versions.at(-1)!)
      return { version, ...decodeAs(message, version, reader) }
    }) ?? hexOf(bytes)
  )
}

/** `undefined` for bytes that are not what they were taken for. */
function decoded<T>(decode: () => T): T | undefined {
  try {
    return decode()
  } catch {
    return undefined
  }
}

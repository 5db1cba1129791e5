/**
 * Makes two brokers' answers comparable: what a broker chooses freely (ids, times, addresses, wording) is replaced by a name that is
 * the same for both, and lists whose order means nothing are sorted.
 */

const zeroUuid = 'AAAAAAAAAAAAAAAAAAAAAA'
const messageFields = new Set(['errorMessage', 'batchIndexErrorMessage'])
const idFields = new Set(['topicId', 'clusterId', 'sessionId', 'logDir'])
/** Ids of members: those that a broker made end in a UUID of one form or the other, classic ones after the client's id. */
const memberFields = new Set(['memberId', 'leader'])
const madeMemberId = /(^|-)([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[A-Za-z0-9_-]{22})$/
/** Producer ids from here on are the corpus's own; a fresh broker hands out small ones. */
const ownProducerIds = 4000
const droppedFields = new Set(['throttleTimeMs', 'totalBytes', 'usableBytes', 'documentation', 'host', 'port'])
/** Lists of numbers that are sets. */
const setFields = new Set(['partitions'])
const timeFields = new Set(['logAppendTimeMs', 'timestamp', 'lastTimestamp', 'transactionStartTimeMs'])
/** A time this close to now was read off the broker's clock. */
const nowWithinMs = 600_000

export function normalise(value: unknown, nowMs: number): unknown {
  return walk('', value, nowMs)
}

function walk(field: string, value: unknown, nowMs: number): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  if (Array.isArray(value))
    return sorted(
      ascending(field, value)
        .filter(each => !isLeftOut(each))
        .map(each => walk(field, each, nowMs)),
    )
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value)
      .filter(([name]) => !droppedFields.has(name))
      .map(([name, each]) => [name, walk(name, each, nowMs)] as const)
    return Object.fromEntries(entries)
  }
  return scalar(field, value, nowMs)
}

/**
 * Kafka, where eligible leader replicas are on, gives all brokers a dynamic `min.insync.replicas` when it formats its storage; here the setting is
 * as it was configured.
 */
function isLeftOut(value: unknown): boolean {
  return typeof value === 'object' && value !== null && (value as { name?: unknown }).name === 'min.insync.replicas'
}

function scalar(field: string, value: unknown, nowMs: number): unknown {
  if (messageFields.has(field)) return value === null || value === '' ? null : '<message>'
  if (idFields.has(field)) return isChosen(value) ? `<${field}>` : value
  if (memberFields.has(field)) return typeof value === 'string' ? value.replace(madeMemberId, '$1<uuid>') : value
  if (field === 'producerId') return value === -1 || Number(value) >= ownProducerIds ? value : '<producerId>'
  if (timeFields.has(field) && typeof value === 'number' && Math.abs(value - nowMs) < nowWithinMs) return '<now>'
  return value
}

/** Whether an id is one that a broker made up, and not a way to say that there is none. */
function isChosen(value: unknown): boolean {
  return value !== zeroUuid && value !== -1 && value !== 0 && value !== null
}

/** Objects that have a name or an index go by it; what has neither keeps its order, which then means something. */
function ascending(field: string, values: unknown[]): unknown[] {
  const isSet = setFields.has(field) && values.every(value => typeof value === 'number')
  return isSet ? values.toSorted((a, b) => a - b) : values
}

function sorted(values: unknown[]): unknown[] {
  const keys = values.map(keyOf)
  if (keys.some(key => key === undefined)) return values
  return (
    values
      // Where brokers chose the names, the rest decides.
      .map((value, index) => ({ value, key: `${keys[index]}\0${JSON.stringify(value)}` }))
      .toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
      .map(({ value }) => value)
  )
}

const keyFields = [
  'name',
  'topic',
  'topicName',
  'topicId',
  'resourceName',
  'resourceType',
  'partitionIndex',
  'partition',
  'index',
  'brokerId',
  'nodeId',
  'feature',
  'logDir',
  'key',
  'producerId',
  'transactionalId',
  'groupId',
  'memberId',
]

function keyOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const parts = keyFields.flatMap(field => {
    const part = (value as Record<string, string | number | bigint>)[field]
    return part === undefined ? [] : [typeof part === 'number' ? String(part).padStart(12, '0') : String(part)]
  })
  return parts.length === 0 ? undefined : parts.join('\0')
}

/**
 * What the programs of a group say, one line each: the time in milliseconds since the epoch, a word, its values. They run on one machine, so their clocks are one.
 *
 *     ready                                    it is about to join
 *     owns GENERATION MEMBER PARTITION,…       all that it has now (`-` for nothing); generation -1 where the client does not tell
 *     gives PARTITION,…                        it is about to give these up, in good order
 *     loses PARTITION,…                        the group has taken these away
 *     read PARTITION OFFSET VALUE
 *     commits                                  it is about to commit; what it has read is on its way to us
 *     committed PARTITION OFFSET               acknowledged by the broker
 *     acknowledged PARTITION OFFSET VALUE      from a producer
 *     refused WHY                              the broker refused a commit or a join, which is its right in a rebalance
 *     copied COUNT                             so many records went through a transaction that is committed
 *     fatal WHY                                it ends, and another one has to take its place
 *     error WHY                                what must not happen
 *     bye                                      it has left in good order
 */
export type GroupEvent = { readonly timeMs: number } & (
  | { readonly kind: 'ready' | 'commits' | 'bye' }
  | { readonly kind: 'owns'; readonly generation: number; readonly memberId: string; readonly partitions: string[] }
  | { readonly kind: 'gives' | 'loses'; readonly partitions: string[] }
  | {
      readonly kind: 'read' | 'acknowledged'
      readonly partition: string
      readonly offset: number
      readonly value: string
    }
  | { readonly kind: 'committed'; readonly partition: string; readonly offset: number }
  | { readonly kind: 'copied'; readonly count: number }
  | { readonly kind: 'refused' | 'fatal' | 'error'; readonly why: string }
  /** Said by the runner of one that it killed. */
  | { readonly kind: 'killed' }
)

/** Undefined for what is no such line: a library's own chatter. */
export function parseEvent(line: string): GroupEvent | undefined {
  const [time, kind, ...values] = line.split(' ')
  const timeMs = Number(time)
  if (!/^\d{13}$/.test(time!)) return undefined
  switch (kind) {
    case 'ready':
    case 'commits':
    case 'bye':
      return { timeMs, kind }
    case 'owns':
      return {
        timeMs,
        kind,
        generation: Number(values[0]),
        memberId: values[1]!,
        partitions: parsePartitions(values[2]!),
      }
    case 'gives':
    case 'loses':
      return { timeMs, kind, partitions: parsePartitions(values[0]!) }
    case 'read':
    case 'acknowledged':
      return { timeMs, kind, partition: values[0]!, offset: Number(values[1]), value: values[2]! }
    case 'committed':
      return { timeMs, kind, partition: values[0]!, offset: Number(values[1]) }
    case 'copied':
      return { timeMs, kind, count: Number(values[0]) }
    case 'refused':
    case 'fatal':
    case 'error':
      return { timeMs, kind, why: values.join(' ') }
    case undefined:
    default:
      return undefined
  }
}

function parsePartitions(list: string): string[] {
  return list === '-' ? [] : list.split(',')
}

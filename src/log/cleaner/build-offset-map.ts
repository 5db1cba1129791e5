/** The first half of a cleaning: reads the dirty part of a log and notes the newest offset of each key, as far as the map has room. */
import * as header from '../../protocol/records/batch-header.ts'
import { decodeBatch } from '../../protocol/records/decode.ts'
import { baseOffsetOf, lastOffsetOf } from '../log-batch.ts'
import { damaged } from '../log-context.ts'
import type { LogSegment } from '../log-segment.ts'
import { BatchSource } from './batch-source.ts'
import { checkRead, recordsOf } from './clean-batch.ts'
import { CleanedTransactions } from './cleaned-transactions.ts'
import { abortedTransactions } from './cleaning.ts'
import type { Cleaning } from './cleaning.ts'
import type { OffsetMap } from './offset-map.ts'

/** Records between two opportunities to pause. */
const recordsPerStep = 128

/** `map.latestOffset` says how far it has got. Rejects with a `DiskError`, also for damage, or with `CleaningAborted`. */
export async function buildOffsetMap(cleaning: Cleaning, map: OffsetMap): Promise<void> {
  const { core, firstDirtyOffset, firstUncleanableOffset } = cleaning
  const transactions = new CleanedTransactions()
  transactions.add(await abortedTransactions(core, firstDirtyOffset, firstUncleanableOffset))
  const { all } = core.segments
  const dirty = all.slice(Math.max(0, core.segments.floorIndex(firstDirtyOffset)))
  for (const [index, segment] of dirty.entries()) {
    if (segment.baseOffset >= firstUncleanableOffset) return
    if (!(await mapSegment(cleaning, segment, map, transactions))) return
    // Offsets that an earlier cleaning has left without records belong to it too.
    map.advanceTo((dirty[index + 1]?.baseOffset ?? firstUncleanableOffset) - 1)
  }
}

/** False when the map is full. */
async function mapSegment(
  cleaning: Cleaning,
  segment: LogSegment,
  map: OffsetMap,
  transactions: CleanedTransactions,
): Promise<boolean> {
  const { core, firstDirtyOffset, pace, stats } = cleaning
  const position = await segment.positionFor(firstDirtyOffset, () => core.indexBroken(segment))
  const source = new BatchSource(segment, position, pace, cleaning.readBuffer)
  while (await source.next()) {
    const { bytes, at } = source
    stats.mapBytesRead += source.sizeBytes
    const isControl = header.magic(bytes, at) === 2 && header.isControl(bytes, at)
    if (isControl) transactions.onControlBatch(bytes, at)
    else if (!transactions.onBatch(bytes, at)) {
      const steps = mapRecords(bytes, at, firstDirtyOffset, map)
      if (!(await pace.run(steps))) return false
    }
    stats.mapRecordsRead += header.magic(bytes, at) === 2 ? header.recordCount(bytes, at) : 1
    if (lastOffsetOf(bytes, at) >= firstDirtyOffset) map.advanceTo(lastOffsetOf(bytes, at))
  }
  return true
}

function* mapRecords(bytes: Buffer, at: number, from: number, map: OffsetMap): Generator<void, boolean> {
  if (header.magic(bytes, at) < 2) return mapMessages(bytes, at, from, map)
  const cursor = recordsOf(bytes, at)
  const baseOffset = header.baseOffset(bytes, at)
  while (cursor.next()) {
    const offset = baseOffset + cursor.offsetDelta
    if (offset >= from) {
      if (map.mustGrow) yield* map.grow()
      const { keyAt, keyLength } = cursor
      if (keyLength >= 0 && !map.put(cursor.bytes, keyAt, keyAt + keyLength, offset)) return false
    }
    if (cursor.index % recordsPerStep === recordsPerStep - 1) yield
  }
  checkRead(cursor, bytes, at)
  return true
}

function mapMessages(bytes: Buffer, at: number, from: number, map: OffsetMap): boolean {
  const records = decodeBatch(bytes, at)
  if (!Array.isArray(records)) throw damaged(`message at offset ${baseOffsetOf(bytes, at)}: ${records.message}`)
  for (const { key, offset } of records) {
    if (offset >= from && key !== null && !map.put(key, 0, key.length, offset)) return false
  }
  return true
}

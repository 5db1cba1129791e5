/** The cluster's metadata as the embedded store keeps it (`ottla-metadata.log` and `.snapshot`), decoded as far as it is known what stands under a key. */
import { decodeChunk } from '../../metadata/delta-chunks.ts'
import {
  CorruptStoreError,
  decodeLogHeader,
  decodeRecords,
  decodeSnapshot,
  NewerFormatError,
} from '../../metadata/embedded-format.ts'
import { LOG_FILE, SNAPSHOT_FILE } from '../../metadata/embedded-files.ts'
import { NewerMetadataError } from '../../metadata/delta.ts'
import {
  BrokerSession,
  BROKERS_PREFIX,
  CONTROLLER_PREFIX,
  ControllerOffice,
  decodeValue,
  LOG_PREFIX,
  SNAPSHOT_HEAD_KEY,
  SnapshotHead,
  SNAPSHOTS_PREFIX,
} from '../../metadata/metadata-keys.ts'
import { ProtocolError } from '../../protocol/byte-reader.ts'
import { AssertionError } from '../../std/assert.ts'
import type { Dump } from './dump.ts'
import { textOrHex } from './record-decoders.ts'

export function isMetadataFile(name: string): boolean {
  return name === LOG_FILE || name === SNAPSHOT_FILE
}

export async function dumpMetadataFile(dump: Dump, path: string): Promise<void> {
  const bytes = await dump.io.disk.readFile(path)
  try {
    if (path.endsWith(LOG_FILE)) dumpLog(dump, bytes)
    else dumpSnapshot(dump, bytes)
  } catch (error) {
    if (!(error instanceof CorruptStoreError) && !(error instanceof NewerFormatError)) throw error
    const problem = error.message
    dump.damage({ type: 'damage', problem }, printer => printer.alarming(`DAMAGED  ${problem}`))
  }
}

function dumpLog(dump: Dump, bytes: Uint8Array): void {
  const { records, endPosition } = decodeRecords(bytes, decodeLogHeader(bytes))
  for (const { firstRevision, transactions } of records) {
    for (const [index, operations] of transactions.entries()) {
      const revision = firstRevision + index
      for (const { key, value } of operations) show(dump, 'metadata-operation', revision, key, value)
    }
  }
  const rest = bytes.length - endPosition
  if (rest === 0) return
  const problem = `${rest} bytes of a write that was never finished`
  dump.damage({ type: 'damage', position: endPosition, sizeBytes: rest, problem }, printer =>
    printer.alarming(`@${endPosition}  DAMAGED  ${problem}`),
  )
}

function dumpSnapshot(dump: Dump, bytes: Uint8Array): void {
  for (const [key, { value, version }] of decodeSnapshot(bytes).entries) {
    show(dump, 'metadata-entry', version, key, value)
  }
}

function show(dump: Dump, type: string, revision: number, key: string, bytes: Uint8Array | null): void {
  const value = bytes === null ? null : decoded(key, bytes)
  dump.entry(
    { type, revision, key, value },
    printer => `${revision}  ${printer.strong(key)}  ${value === null ? 'deleted' : printer.value(value)}`,
  )
}

function decoded(key: string, bytes: Uint8Array): unknown {
  try {
    if (key.startsWith(LOG_PREFIX) || key.startsWith(SNAPSHOTS_PREFIX)) return decodeChunk(bytes)
    if (key.startsWith(BROKERS_PREFIX)) return decodeValue(BrokerSession, bytes)
    if (key.startsWith(CONTROLLER_PREFIX)) return decodeValue(ControllerOffice, bytes)
    if (key === SNAPSHOT_HEAD_KEY) return decodeValue(SnapshotHead, bytes)
  } catch (error) {
    if (!(error instanceof NewerMetadataError || error instanceof ProtocolError || error instanceof AssertionError))
      throw error
  }
  return textOrHex(bytes)
}

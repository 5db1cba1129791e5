/**
 * `ottla log dump FILE|DIR…`: what Kafka's files hold, read without a broker and without changing anything. A folder is a partition's, or a log directory with many of
 * them. Damage is shown where it is, and what comes behind it is read on.
 *
 * Exit code 0, or 1 when damage was shown or a file could not be read.
 */
import { basename, dirname, join } from 'node:path'
import type { DiskError, Io } from '../../io/io.ts'
import { createNodeIo } from '../../io/node.ts'
import { offsetName, OFFSET_INDEX_SUFFIX, parsePartitionDirectory } from '../../log/file-names.ts'
import { fileKindOf, inReadingOrder } from '../../log/inspection/folder-files.ts'
import type { NamedFile } from '../../log/inspection/folder-files.ts'
import { diskErrorOf } from '../../log/log-context.ts'
import { dumpLogFile } from './dump-log-file.ts'
import { dumpMetadataFile, isMetadataFile } from './dump-metadata-files.ts'
import { dumpSmallFile } from './dump-small-files.ts'
import { bytesText, Printer } from './printer.ts'
import type { Row } from './printer.ts'
import { decoderForTopic, decoderOf } from './record-decoders.ts'
import type { DecoderName } from './record-decoders.ts'

/** Inclusive at both ends. */
export interface OffsetRange {
  readonly from: number
  readonly to: number
}

export interface DumpOptions {
  readonly json?: boolean
  /** Batches without their records. */
  readonly batches?: boolean
  /** Records without their batches. */
  readonly records?: boolean
  readonly offsets?: OffsetRange
  /** How many entries at most. */
  readonly limit?: number
  readonly decode?: DecoderName
}

const all: OffsetRange = { from: 0, to: Number.MAX_SAFE_INTEGER }

/** What the parts of one dump share. */
export class Dump {
  readonly io: Io
  readonly printer: Printer
  readonly offsets: OffsetRange
  readonly showsBatches: boolean
  readonly showsRecords: boolean
  #entriesLeft: number
  #isFull = false
  #damageCount = 0

  constructor(io: Io, printer: Printer, options: DumpOptions) {
    this.io = io
    this.printer = printer
    this.offsets = options.offsets ?? all
    this.showsBatches = options.records !== true || options.batches === true
    this.showsRecords = options.batches !== true || options.records === true
    this.#entriesLeft = options.limit ?? Infinity
  }

  /** Nothing more is wanted. */
  get isDone(): boolean {
    return this.#entriesLeft <= 0 || this.printer.isClosed
  }

  /** It is time for `printer.flush`. */
  get isFull(): boolean {
    const isFull = this.#isFull
    this.#isFull = false
    return isFull
  }

  get damageCount(): number {
    return this.#damageCount
  }

  /** `counts` towards the limit: a batch does not where its records do. */
  entry(row: Row, text: (printer: Printer) => string, counts = true): void {
    if (counts) this.#entriesLeft -= 1
    if (this.printer.row(row, () => text(this.printer))) this.#isFull = true
  }

  /** Shown whatever the limit, which it does not count towards. */
  damage(row: Row, text: (printer: Printer) => string): void {
    this.#damageCount += 1
    this.entry(row, text, false)
  }
}

/** Leaves the outcome in `process.exitCode`. */
export async function dumpLog(paths: readonly string[], options: DumpOptions): Promise<void> {
  const io = createNodeIo()
  const dump = new Dump(io, new Printer(options.json === true), options)
  let hasFailed = false
  for (const path of paths) {
    if (dump.isDone) break
    try {
      await dumpPath(dump, path, options)
    } catch (error) {
      hasFailed = true
      await dump.printer.flush()
      process.stderr.write(`ottla: ${path}: ${diskErrorOf(error).message}\n`)
    }
  }
  await dump.printer.flush()
  if (hasFailed || dump.damageCount > 0) process.exitCode = 1
}

async function dumpPath(dump: Dump, path: string, options: DumpOptions): Promise<void> {
  const stat = await dump.io.disk.stat(path)
  if (stat === undefined) throw Object.assign(new Error('there is no such file or folder'), { code: 'ENOENT' })
  if (stat.directory) return dumpFolder(dump, path, options)
  const name = basename(path)
  const file = fileKindOf(name)
  if (file === undefined && !isMetadataFile(name)) {
    throw Object.assign(new Error('no file of a log, by its name'), { code: 'EINVAL' }) as DiskError
  }
  await dumpFile(dump, path, file, options)
}

/** First what lies in the folder itself, then the partitions in it. */
async function dumpFolder(dump: Dump, path: string, options: DumpOptions): Promise<void> {
  const entries = await dump.io.disk.list(path)
  const files = entries.filter(entry => !entry.directory).map(entry => entry.name)
  const onlyLogs = options.batches === true || options.records === true
  const segments = files
    .map(fileKindOf)
    .filter(file => file?.kind === 'log')
    .map(file => file!.offset!)
  for (const name of inReadingOrder(files)) {
    if (dump.isDone) return
    const file = fileKindOf(name)
    // What is no part of the log any more, or not yet, is shown to who names it.
    if (file !== undefined && file.passing !== '') continue
    if (file === undefined ? !isMetadataFile(name) || onlyLogs : onlyLogs && file.kind !== 'log') continue
    if (file?.offset !== undefined && !mayHold(dump, file, segments)) continue
    await dumpFile(dump, join(path, name), file, options)
  }
  for (const { name, directory } of entries) {
    if (dump.isDone) return
    if (directory && parsePartitionDirectory(name) !== undefined) await dumpFolder(dump, join(path, name), options)
  }
}

/** Whether a file that belongs to a segment can have anything of the offsets that are wanted. */
function mayHold({ offsets }: Dump, { kind, offset }: NamedFile, bases: readonly number[]): boolean {
  if (kind === 'producer-snapshot') return offset! >= offsets.from && offset! <= offsets.to
  const next = Math.min(...bases.filter(base => base > offset!))
  return offset! <= offsets.to && next > offsets.from
}

async function dumpFile(dump: Dump, path: string, file: NamedFile | undefined, { decode }: DumpOptions): Promise<void> {
  const folder = dirname(path)
  const sizeBytes = (await dump.io.disk.stat(path))?.sizeBytes ?? 0
  const topic = parsePartitionDirectory(basename(join(process.cwd(), folder)))?.topic
  const decoderName = decode ?? decoderForTopic(topic)
  const row: Row = {
    type: 'file',
    file: path,
    kind: file?.kind ?? 'metadata',
    sizeBytes,
    ...(file?.offset === undefined ? {} : { offset: file.offset }),
    ...(file?.kind === 'log' ? { decoder: decoderName } : {}),
  }
  dump.entry(row, printer => `${printer.strong(path)}  ${printer.faint(bytesText(sizeBytes))}`, false)
  if (file === undefined) await dumpMetadataFile(dump, path)
  else if (file.kind === 'log') {
    const indexPath = join(folder, offsetName(file.offset!) + OFFSET_INDEX_SUFFIX + file.passing)
    await dumpLogFile(dump, path, file.offset!, decoderOf(decoderName), indexPath)
  } else await dumpSmallFile(dump, path, file)
}

/**
 * `ottla log verify DIR…`: checks logs without changing anything. Exit code 0 when all is well, 1 when there are problems, 2 when there is nothing that could be checked or a broker is
 * at work there.
 */
import { createNodeIo } from '../../io/node.ts'
import { diskErrorOf } from '../../log/log-context.ts'
import { FindingFilter } from '../../log/inspection/finding.ts'
import type { PartitionFolder } from '../../log/inspection/verify-directory.ts'
import { verifyDirectoryFiles } from '../../log/inspection/verify-directory.ts'
import { verifyPartition } from '../../log/inspection/verify-partition.ts'
import type { Disk } from '../../io/io.ts'
import { Findings, plural } from './findings.ts'
import { Printer } from './printer.ts'
import { ProgressBar, sizeText } from './progress-bar.ts'
import { Targets, Unusable } from './targets.ts'
import type { Target } from './targets.ts'

export interface VerifyOptions {
  readonly json?: boolean
}

/** Findings of one kind that are shown for one file. */
const eachMax = 10

/** Leaves the outcome in `process.exitCode`. */
export async function verifyLogs(folders: readonly string[], options: VerifyOptions): Promise<void> {
  const { disk } = createNodeIo()
  const printer = new Printer(options.json === true)
  let targets: Targets
  try {
    targets = await Targets.open(disk, folders, true)
  } catch (error) {
    if (!(error instanceof Unusable)) throw error
    process.stderr.write(`ottla: ${error.message}\n`)
    process.exitCode = 2
    return
  }
  const bar = new ProgressBar(options.json !== true, targets.sizeBytes)
  const findings = new Findings(printer, bar)
  let partitionCount = 0
  for (const target of targets.all) {
    if (target.isWhole) verifyDirectoryFiles(disk, target.files!, target.partitions, findings.show)
    for (const partition of target.partitions) {
      if (partition.kind === 'deleted' || printer.isClosed) continue
      partitionCount += 1
      await verifyOne(disk, target, partition, printer, findings, bar)
      await printer.flush()
    }
  }
  bar.clear()
  await targets.close()
  summarise(printer, findings, partitionCount, targets.sizeBytes)
  await printer.flush()
  if (findings.damage + findings.problems > 0) process.exitCode = 1
}

async function verifyOne(
  disk: Disk,
  target: Target,
  partition: PartitionFolder,
  printer: Printer,
  findings: Findings,
  bar: ProgressBar,
): Promise<void> {
  const { path: folder, name, sizeBytes } = partition
  bar.begin(name)
  const filter = new FindingFilter(findings.show, eachMax)
  try {
    const directory = target.files?.stateOf(name)
    const verified = await verifyPartition({
      disk,
      folder,
      directory,
      report: filter.report,
      onProgress: bytes => bar.add(bytes),
    })
    filter.end()
    if (!printer.isJson) return
    const { logStartOffset, logEndOffset, bases } = verified
    const row = { type: 'partition', folder, logStartOffset, logEndOffset, segments: bases.length, sizeBytes }
    printer.row({ ...row, findings: verified.findings.length }, () => '')
  } catch (error) {
    const { message } = diskErrorOf(error)
    findings.show({ severity: 'damage', code: 'unreadable', path: folder, message })
  }
}

function summarise(printer: Printer, findings: Findings, partitions: number, sizeBytes: number): void {
  const { damage, problems, notes } = findings
  printer.row({ type: 'summary', partitions, sizeBytes, damage, problems, notes }, () => {
    const checked = `${plural(partitions, 'partition')}, ${sizeText(sizeBytes)}`
    if (damage + problems === 0) return `${checked}: ${printer.pleasing('all is well')}`
    const counts = [
      ...(damage === 0 ? [] : [`${damage} × damage`]),
      ...(problems === 0 ? [] : [plural(problems, 'problem')]),
    ]
    return `${checked}: ${printer.alarming(counts.join(', '))}`
  })
}

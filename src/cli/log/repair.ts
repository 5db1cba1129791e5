/**
 * `ottla log repair DIR…`: checks logs, says what is to be done about what is found, and does it. Bytes that leave a log are kept beside it, and that somebody has agreed is asked for. Exit code 0
 * when all is well afterwards, 1 when something is left (with `--dry-run`: to do), 2 when nothing could be begun or nobody has agreed.
 */
import { createInterface } from 'node:readline/promises'
import type { Disk, Io } from '../../io/io.ts'
import { createNodeIo } from '../../io/node.ts'
import { readTextSync } from '../../log/atomic-file.ts'
import { MalformedFile } from '../../log/checkpoint-file.ts'
import { PARTITION_METADATA } from '../../log/file-names.ts'
import { damagedFileName } from '../../log/inspection/damaged-files.ts'
import { FindingFilter } from '../../log/inspection/finding.ts'
import { correctCheckpoints } from '../../log/inspection/repair-checkpoints.ts'
import { needsConsent, planRepair, repairPartition } from '../../log/inspection/repair-partition.ts'
import type { RepairedPartition, RepairPlan, RepairStep } from '../../log/inspection/repair-partition.ts'
import { verifyDirectoryFiles } from '../../log/inspection/verify-directory.ts'
import type { DirectoryFiles, PartitionFolder } from '../../log/inspection/verify-directory.ts'
import { verifyPartition } from '../../log/inspection/verify-partition.ts'
import { diskErrorOf } from '../../log/log-context.ts'
import { parsePartitionMetadata } from '../../log/partition-metadata.ts'
import type { Uuid } from '../../protocol/uuid.ts'
import { Findings, plural } from './findings.ts'
import { bytesText, Printer } from './printer.ts'
import type { Row } from './printer.ts'
import { ProgressBar } from './progress-bar.ts'
import { shownPath, Targets, Unusable } from './targets.ts'
import type { Target } from './targets.ts'

export interface RepairOptions {
  readonly dryRun?: boolean
  readonly yes?: boolean
  readonly json?: boolean
}

/** Findings of one kind that are shown for one file. */
const eachMax = 10

/** Leaves the outcome in `process.exitCode`. */
export async function repairLogs(folders: readonly string[], options: RepairOptions): Promise<void> {
  const io = createNodeIo()
  let targets: Targets
  try {
    targets = await Targets.open(io.disk, folders, options.dryRun === true)
  } catch (error) {
    if (!(error instanceof Unusable)) throw error
    process.stderr.write(`ottla: ${error.message}\n`)
    process.exitCode = 2
    return
  }
  const printer = new Printer(options.json === true)
  try {
    process.exitCode = await new Repair(io, printer, targets, options).run()
  } finally {
    await targets.close()
    await printer.flush()
  }
}

class Repair {
  readonly #io: Io
  readonly #printer: Printer
  readonly #targets: Targets
  readonly #options: RepairOptions

  constructor(io: Io, printer: Printer, targets: Targets, options: RepairOptions) {
    this.#io = io
    this.#printer = printer
    this.#targets = targets
    this.#options = options
  }

  /** Gives back the exit code. */
  async run(): Promise<number> {
    const printer = this.#printer
    const found = this.#findings()
    const plans = await this.#check(found)
    await printer.flush()
    const malformed = this.#targets.all.flatMap(({ files, isWhole }) => (isWhole ? (files?.malformed ?? []) : []))
    const isWell = found.damage + found.problems === 0
    const isIdle = plans.every(({ plan }) => plan.steps.length === 0) && malformed.length === 0
    if (isIdle) {
      const text = isWell ? printer.pleasing('nothing to repair') : 'nothing of this can be repaired'
      printer.row({ type: 'summary', repaired: 0, damage: found.damage, problems: found.problems }, () => text)
      return isWell ? 0 : 1
    }
    for (const { plan } of plans) for (const step of plan.steps) this.#show(plan, step)
    await printer.flush()
    if (this.#options.dryRun === true) return 1
    if (plans.some(({ plan }) => needsConsent(plan)) && !(await this.#hasConsent())) return 2
    const failures = await this.#carryOut(plans)
    return this.#checkAgain(plans.filter(({ plan }) => plan.steps.length > 0).length, failures)
  }

  #findings(): Findings {
    return new Findings(this.#printer, this.#bar())
  }

  #bar(): ProgressBar {
    return new ProgressBar(this.#options.json !== true, this.#targets.sizeBytes)
  }

  async #check(findings: Findings): Promise<{ target: Target; plan: RepairPlan }[]> {
    const { disk } = this.#io
    const bar = this.#bar()
    const plans: { target: Target; plan: RepairPlan }[] = []
    for (const target of this.#targets.all) {
      if (target.isWhole) verifyDirectoryFiles(disk, target.files!, target.partitions, findings.show)
      for (const partition of target.partitions) {
        if (partition.kind === 'deleted') continue
        bar.begin(partition.name)
        const filter = new FindingFilter(findings.show, eachMax)
        try {
          const directory = target.files?.stateOf(partition.name)
          const onProgress = (bytes: number): void => bar.add(bytes)
          const verified = await verifyPartition({
            disk,
            folder: partition.path,
            directory,
            report: filter.report,
            onProgress,
          })
          const plan = planRepair(partition, verified, directory, topicIdOf(disk, target.partitions, partition))
          plans.push({ target, plan })
        } catch (error) {
          const { message } = diskErrorOf(error)
          findings.show({ severity: 'damage', code: 'unreadable', path: partition.path, message })
        }
        filter.end()
      }
    }
    bar.clear()
    return plans
  }

  async #carryOut(plans: readonly { target: Target; plan: RepairPlan }[]): Promise<number> {
    const bar = this.#bar()
    const repaired = new Map<DirectoryFiles, RepairedPartition[]>()
    for (const { files, isWhole } of this.#targets.all) if (files !== undefined && isWhole) repaired.set(files, [])
    let failures = 0
    for (const { target, plan } of plans) {
      if (plan.steps.length === 0) continue
      bar.begin(plan.partition.name)
      try {
        const partition = await repairPartition(this.#io, plan, bytes => bar.add(bytes))
        if (partition === undefined || target.files === undefined) continue
        repaired.set(target.files, [...(repaired.get(target.files) ?? []), partition])
      } catch (error) {
        failures += 1
        bar.clear()
        process.stderr.write(`ottla: ${shownPath(plan.partition.path)}: ${diskErrorOf(error).message}\n`)
      }
    }
    bar.clear()
    for (const [files, partitions] of repaired) await correctCheckpoints(this.#io.disk, files, partitions)
    return failures
  }

  /** What is left is said once more, so that nobody takes what was found before for it. */
  async #checkAgain(repaired: number, failures: number): Promise<number> {
    const printer = this.#printer
    printer.row(
      { type: 'repaired', partitions: repaired },
      () => `repaired ${plural(repaired, 'partition')}, checking again`,
    )
    const again = await Targets.reopened(this.#io.disk, this.#targets)
    const left = new Repair(this.#io, printer, again, this.#options)
    const findings = left.#findings()
    await left.#check(findings)
    const { damage, problems } = findings
    printer.row({ type: 'summary', repaired, damage, problems }, () =>
      damage + problems === 0 ? printer.pleasing('all is well') : printer.alarming(`${damage + problems} left`),
    )
    return damage + problems + failures === 0 ? 0 : 1
  }

  #show({ partition }: RepairPlan, step: RepairStep): void {
    const { row, text } = described(step)
    const isDry = this.#options.dryRun === true
    this.#printer.row({ type: 'step', folder: partition.path, ...row }, () => {
      const label = this.#printer.strong(isDry ? 'would' : 'will')
      return `${label}  ${shownPath(partition.path)}: ${text}`
    })
  }

  async #hasConsent(): Promise<boolean> {
    if (this.#options.yes === true) return true
    if (!process.stdin.isTTY || !process.stderr.isTTY) {
      process.stderr.write('ottla: bytes would be taken out of logs: say --yes, or see the whole with --dry-run\n')
      return false
    }
    const asking = createInterface({ input: process.stdin, output: process.stderr })
    const answer = await asking.question('Bytes are taken out of logs, and kept beside them. Go on? [y/N] ')
    asking.close()
    return /^y(es)?$/i.test(answer.trim())
  }
}

function described(step: RepairStep): { readonly row: Row; readonly text: string } {
  switch (step.kind) {
    case 'keep-aside': {
      const { range } = step
      const file = damagedFileName(range)
      const row = {
        step: step.kind,
        baseOffset: range.baseOffset,
        position: range.position,
        sizeBytes: range.sizeBytes,
        file,
      }
      return {
        row,
        text: `take ${bytesText(range.sizeBytes)} that cannot be read out of the log and keep them in ${file}`,
      }
    }
    case 'cut-off': {
      const { range, laterSegments } = step
      const row = {
        step: step.kind,
        baseOffset: range.baseOffset,
        position: range.position,
        laterSegments,
        endOffset: range.nextOffset,
      }
      const more = laterSegments.length === 0 ? '' : ` and ${plural(laterSegments.length, 'later segment')}`
      return {
        row,
        text: `end the log at offset ${range.nextOffset}, as recovery does: what is behind position ${range.position} of segment ${range.baseOffset}${more} had not been synced, and is kept in files ending in .damaged`,
      }
    }
    case 'finish-compaction':
      return { row: { step: step.kind }, text: 'finish an interrupted compaction' }
    case 'rebuild': {
      const what = step.what.map(code => code.replaceAll('-', ' ')).join(', ')
      return {
        row: { step: step.kind, what: step.what },
        text: `read the log, and make anew what belongs to it${what === '' ? '' : `: ${what}`}`,
      }
    }
    case 'restore-topic-id':
      return {
        row: { step: step.kind, topicId: step.topicId },
        text: `write partition.metadata anew, with topic id ${step.topicId}`,
      }
    case 'correct-checkpoints':
      return {
        row: { step: step.kind, losesRecords: step.losesRecords },
        text: `let the checkpoints say what the log really has${step.losesRecords ? ': the records that are missing are given up' : ''}`,
      }
  }
}

/** That of the topic's other partitions beside it; `undefined` where there is none, or they differ. */
function topicIdOf(disk: Disk, partitions: readonly PartitionFolder[], partition: PartitionFolder): Uuid | undefined {
  const ids = new Set<Uuid>()
  for (const other of partitions) {
    if (other === partition || other.topic !== partition.topic || other.kind !== 'current') continue
    const text = readTextSync(disk, `${other.path}/${PARTITION_METADATA}`)
    const topicId = text === undefined ? undefined : parsePartitionMetadata(text)
    if (topicId !== undefined && !(topicId instanceof MalformedFile)) ids.add(topicId)
  }
  return ids.size === 1 ? [...ids][0] : undefined
}

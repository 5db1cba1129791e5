/** The commands under `ottla log`, as the command line understands them; each is loaded when it runs. */
import { InvalidArgumentError, Option } from 'commander'
import type { Command } from 'commander'
import type { DecoderName } from './record-decoders.ts'
import type { DumpOptions, OffsetRange } from './dump.ts'
import type { RepairOptions } from './repair.ts'
import type { VerifyOptions } from './verify.ts'

const decoders: readonly DecoderName[] = ['text', 'json', 'hex', 'offsets', 'transactions', 'share-state']

export function addLogCommands(program: Command): void {
  const log = program
    .command('log')
    .description('look into the files of logs, check them and mend them, without a broker')
    .helpCommand(false)
  addDump(log)
  addVerify(log)
  addRepair(log)
}

function addDump(log: Command): void {
  log
    .command('dump')
    .description('show what files hold: batches and records, indexes, snapshots, checkpoints, metadata')
    .argument('<path...>', 'files, folders of partitions, log directories')
    .option('--batches', 'batches without their records; of a folder, nothing else')
    .option('--records', 'records without their batches; of a folder, nothing else')
    .addOption(
      new Option('--offsets <from..to>', 'only these offsets; either end may be missing').argParser(parseOffsets),
    )
    .addOption(new Option('--limit <number>', 'so many entries at most').argParser(parseLimit))
    .addOption(
      new Option('--decode <how>', "what keys and values are; by default the topic's name says").choices(decoders),
    )
    .option('--json', 'one object a line')
    .addHelpText('after', dumpHelp)
    .action(async (paths: string[], options: DumpOptions) => {
      const { dumpLog } = await import('./dump.ts')
      await dumpLog(paths, options)
    })
}

const dumpHelp = `
Nothing is changed, and a broker may run meanwhile. Damage is shown where it is, and what comes behind it is read on.
Exit code 0; 1 when damage was shown or a file could not be read; 2 when the command line is wrong.

Examples:
  ottla log dump data/orders-0 --records --limit 20
  ottla log dump data/orders-0 --offsets 1000..1010 --decode json
  ottla log dump data/__consumer_offsets-12 --records --json | grep '"my-group"'
  ottla log dump data/orders-0/00000000000000000000.timeindex`

function addVerify(log: Command): void {
  log
    .command('verify')
    .description('check logs and everything that belongs to them, and change nothing')
    .argument('<folder...>', 'folders of partitions, log directories')
    .option('--json', 'one object a line')
    .addHelpText('after', verifyHelp)
    .action(async (folders: string[], options: VerifyOptions) => {
      const { verifyLogs } = await import('./verify.ts')
      await verifyLogs(folders, options)
    })
}

const verifyHelp = `
Checks what a broker checks when it recovers, and more: checksums, records, offsets and leader epochs; that index entries point to the
right batches; producer snapshots and transaction indexes against what the batches give; epochs and checkpoints against the log.
No broker may run on the folders meanwhile: files that are being written look damaged.
Exit code 0 when all is well, 1 when there are problems, 2 when the command line is wrong or a folder cannot be checked.`

function addRepair(log: Command): void {
  log
    .command('repair')
    .description('mend what `ottla log verify` finds, as a recovery would, and lose nothing that can be read')
    .argument('<folder...>', 'folders of partitions, log directories')
    .option('-n, --dry-run', 'say what would be done, and do nothing')
    .option('-y, --yes', 'go ahead where bytes are taken out of a log, without asking')
    .option('--json', 'one object a line')
    .addHelpText('after', repairHelp)
    .action(async (folders: string[], options: RepairOptions) => {
      const { repairLogs } = await import('./repair.ts')
      await repairLogs(folders, options)
    })
}

const repairHelp = `
Indexes, snapshots and epochs that are wrong are built anew from the log. Bytes that cannot be read are taken out of it and kept in a file beside it,
whose name ends in .damaged; that is asked for, or needs --yes. No broker may run on the folders meanwhile.
Exit code 0 when all is well afterwards, 1 when something is left (with --dry-run: to do), 2 when the command line is wrong or a folder cannot be worked on.`

/** `10..20`, `10..`, `..20`, `10`; both ends are included. */
export function parseOffsets(text: string): OffsetRange {
  const match = /^(\d{1,15})?(\.\.)?(\d{1,15})?$/.exec(text)
  const isRange = match?.[2] !== undefined
  if (match === null || (match[1] === undefined && match[3] === undefined) || (!isRange && match[3] !== undefined)) {
    throw new InvalidArgumentError('offsets have the form 10..20, 10.., ..20 or 10')
  }
  const from = Number(match[1] ?? 0)
  const to = isRange ? Number(match[3] ?? Number.MAX_SAFE_INTEGER) : from
  if (from > to) throw new InvalidArgumentError(`${from} is behind ${to}`)
  return { from, to }
}

function parseLimit(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new InvalidArgumentError('a limit is a number from 1 on')
  return Number(text)
}

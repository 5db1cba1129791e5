/** For tests that leave a log directory behind: what `ottla log verify` would find in it. */
import assert from 'node:assert/strict'
import type { Disk } from '../../io/io.ts'
import type { Finding } from './finding.ts'
import { DirectoryFiles, findTarget, verifyDirectoryFiles } from './verify-directory.ts'
import { verifyPartition } from './verify-partition.ts'

/** All findings of a log directory, notes aside. */
export async function findingsIn(disk: Disk, directory: string): Promise<Finding[]> {
  const findings: Finding[] = []
  const report = (finding: Finding): void => {
    if (finding.severity !== 'note') findings.push(finding)
  }
  const target = await findTarget(disk, directory)
  assert.ok(target !== undefined, `${directory} is no log directory`)
  const files = new DirectoryFiles(disk, directory)
  verifyDirectoryFiles(disk, files, target.partitions, report)
  for (const { path, name, kind } of target.partitions) {
    if (kind === 'deleted') continue
    await verifyPartition({ disk, folder: path, directory: files.stateOf(name), report, onProgress: () => {} })
  }
  return findings
}

export async function assertVerified(disk: Disk, directory: string, what?: string): Promise<void> {
  assert.deepEqual(await findingsIn(disk, directory), [], what)
}

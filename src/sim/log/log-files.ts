/**
 * What is left on the disk when logs have been closed in order, held against itself as `ottla log verify` does it: indexes, producer snapshots, leader epochs and checkpoints say what the
 * batches say. A log that finds its way without an index that is wrong answers as it should; this tells all the same.
 */

import type { Finding } from '../../log/inspection/finding.ts'
import { DirectoryFiles, findTarget, verifyDirectoryFiles } from '../../log/inspection/verify-directory.ts'
import { verifyPartition } from '../../log/inspection/verify-partition.ts'
import type { Disk } from '../../io/io.ts'
import { assert } from '../../std/assert.ts'
import type { TopicState } from './log-topic.ts'

/** Of directories that nothing has happened to. The partitions of topics whose files have been spoilt are left out. */
export async function checkFiles(
  disk: Disk,
  directories: readonly string[],
  topics: readonly TopicState[],
): Promise<void> {
  for (const directory of directories) {
    const target = await findTarget(disk, directory)
    if (target === undefined) continue
    const findings: Finding[] = []
    const report = (finding: Finding): void => {
      // A segment may have been allocated, and not been trimmed.
      const isLeft = finding.message.includes('never written')
      // The model knows which offsets a leader has left out.
      const isUsual = finding.severity === 'note' || finding.code === 'missing-offsets'
      if (!isUsual && !isLeft) findings.push(finding)
    }
    const files = new DirectoryFiles(disk, directory)
    const partitions = target.partitions.filter(({ topic, kind }) => {
      const state = topics.find(({ name }) => name === topic)
      return kind === 'current' && state?.mayBeDamaged === false && !state.hasRottenIndexes
    })
    verifyDirectoryFiles(disk, files, target.partitions, report)
    for (const { path, name } of partitions) {
      await verifyPartition({ disk, folder: path, directory: files.stateOf(name), report, onProgress: () => {} })
    }
    assert(
      findings.length === 0,
      () => `L10: ${findings[0]!.path} was closed in order: ${findings[0]!.code}: ${findings[0]!.message}`,
    )
  }
}

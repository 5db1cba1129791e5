/**
 * What logs warn of is no comfort: each of these says that something on the disk was not what it should be, and it may only be said where a disk has failed, lied or rotted. A log
 * that makes anew what it has left wrong itself answers as it should; this tells all the same.
 */

import { assert } from '../../std/assert.ts'
import type { LogRecord } from '../../std/logger.ts'
import type { TopicState } from './log-topic.ts'

/** Beginnings of messages. */
const onlyOfSpoiltFiles = [
  'an index does not agree with its log',
  'leader epochs are read from the log itself',
  'a checkpoint file is ignored',
  'records that were durable cannot be read',
  'a log cannot be compacted',
  'the end of a segment cannot be read',
]

/** `isSpoilt`: something has happened to the disk, or to files of any log. */
export function checkComplaints(
  complaints: readonly LogRecord[],
  topics: readonly TopicState[],
  isSpoilt: boolean,
): void {
  if (isSpoilt || topics.some(topic => topic.mayBeDamaged || topic.hasRottenIndexes)) return
  for (const { message, fields, error } of complaints) {
    assert(
      !onlyOfSpoiltFiles.some(each => message.startsWith(each)),
      () => `L10: nothing has happened to the disk, and ${message}: ${JSON.stringify(fields)} ${error?.message ?? ''}`,
    )
  }
}

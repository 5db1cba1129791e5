/**
 * `npm run bench:codec`: the codecs compiled from schemas against hand-written ones, and record batches against prototypes of the same work.
 *
 *   npm run bench:codec                    everything
 *   npm run bench:codec -- --pairs 15      more pairs, for a quieter result
 *   npm run -s bench:codec -- --json       one JSON object with all rows
 *
 * The exit code is 1 when something is slower than its goal.
 */

import { parseArgs } from 'node:util'

import { benchRecords, formatRecordsBench } from './records.ts'
import { benchSchemas, formatSchemaBench, RATIO_GOAL } from './schemas.ts'

const { values } = parseArgs({
  options: { pairs: { type: 'string', default: '7' }, json: { type: 'boolean', default: false } },
})

const pairs = Number(values.pairs)
if (!Number.isInteger(pairs) || pairs < 1) {
  console.error('--pairs takes a whole number from 1')
  process.exitCode = 1
} else {
  const schemas = benchSchemas(pairs)
  const records = benchRecords(pairs)
  if (values.json) console.log(JSON.stringify({ schemas, records }))
  else console.log(`${formatSchemaBench(schemas)}\n\n${formatRecordsBench(records)}`)
  const isFastEnough =
    schemas.every(row => row.ratio >= RATIO_GOAL) &&
    records.every(row => row.recordsPerSecond >= row.goal * row.referencePerSecond)
  if (!isFastEnough) process.exitCode = 1
}

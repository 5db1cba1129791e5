/**
 * What control batches hold. The key of each control record is the control record type, with its version in front; the type
 * says which of the others is the value: transaction markers in data partitions, the rest in the metadata log and its
 * snapshots.
 */

import { array, int16, int32, int64, message, string, struct, uint16, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

const voter = { voterId: int32, voterDirectoryId: uuid.since(1) }

export const ControlRecordTypeSchema = message({
  name: 'ControlRecordTypeSchema',
  versions: '0',
  fields: { type: int16 },
})
export type ControlRecordTypeSchema = Infer<typeof ControlRecordTypeSchema>

export const EndTxnMarker = message({ name: 'EndTxnMarker', versions: '0', fields: { coordinatorEpoch: int32 } })
export type EndTxnMarker = Infer<typeof EndTxnMarker>

export const LeaderChangeMessage = message({
  name: 'LeaderChangeMessage',
  versions: '0-1',
  flexibleSince: 0,
  fields: { version: int16, leaderId: int32, voters: array(voter), grantingVoters: array(voter) },
})
export type LeaderChangeMessage = Infer<typeof LeaderChangeMessage>

export const SnapshotHeaderRecord = message({
  name: 'SnapshotHeaderRecord',
  versions: '0',
  flexibleSince: 0,
  fields: { version: int16, lastContainedLogTimestamp: int64 },
})
export type SnapshotHeaderRecord = Infer<typeof SnapshotHeaderRecord>

export const SnapshotFooterRecord = message({
  name: 'SnapshotFooterRecord',
  versions: '0',
  flexibleSince: 0,
  fields: { version: int16 },
})
export type SnapshotFooterRecord = Infer<typeof SnapshotFooterRecord>

export const KRaftVersionRecord = message({
  name: 'KRaftVersionRecord',
  versions: '0',
  flexibleSince: 0,
  fields: { version: int16, kRaftVersion: int16 },
})
export type KRaftVersionRecord = Infer<typeof KRaftVersionRecord>

export const VotersRecord = message({
  name: 'VotersRecord',
  versions: '0',
  flexibleSince: 0,
  fields: {
    version: int16,
    voters: array({
      voterId: int32,
      voterDirectoryId: uuid,
      endpoints: array({ name: string, host: string, port: uint16 }),
      kRaftVersionFeature: struct({ minSupportedVersion: int16, maxSupportedVersion: int16 }),
    }),
  },
})
export type VotersRecord = Infer<typeof VotersRecord>

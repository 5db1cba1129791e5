/**
 * What the metadata layer keeps in a store: its keys, and what stands under each.
 *
 * | Key | Value |
 * |---|---|
 * | `/controller/office` | who is the controller; of its session |
 * | `/controller/epoch` | the epoch of the last controller: every write is guarded by this key's version (M2) |
 * | `/brokers/<id>` | what a broker says of itself; of its session |
 * | `/log/<number>` | a chunk of deltas, named after the first |
 * | `/snapshot-head` | the number up to which the newest snapshot reaches, and how many parts it has |
 * | `/snapshots/<number>/<part>` | deltas that make the image up to that number out of an empty one |
 *
 * Every value begins with the version of its schema.
 */

import { decodeVersioned, encodeVersioned, versionOf } from '../protocol/codec.ts'
import { array, boolean, int16, int32, int64, message, string, uint16, uuid } from '../protocol/schema.ts'
import type { Infer, Input, Message } from '../protocol/schema.ts'
import { NewerMetadataError } from './delta.ts'

export const CONTROLLER_PREFIX = '/controller/'
export const CONTROLLER_OFFICE_KEY = '/controller/office'
export const CONTROLLER_EPOCH_KEY = '/controller/epoch'
export const BROKERS_PREFIX = '/brokers/'
export const LOG_PREFIX = '/log/'
export const SNAPSHOT_HEAD_KEY = '/snapshot-head'
export const SNAPSHOTS_PREFIX = '/snapshots/'

/** As many digits as the largest int64 has, so that names sort as numbers do. */
const digits = (number: number): string => String(number).padStart(19, '0')

export const brokerKey = (brokerId: number): string => `${BROKERS_PREFIX}${brokerId}`
export const chunkKey = (firstNumber: number): string => `${LOG_PREFIX}${digits(firstNumber)}`
export const snapshotPrefix = (number: number): string => `${SNAPSHOTS_PREFIX}${digits(number)}/`
export const snapshotPartKey = (number: number, part: number): string => `${snapshotPrefix(number)}${digits(part)}`

/** The number at the end of a chunk's or a broker's key. */
export const numberOfKey = (key: string): number => Number(key.slice(key.lastIndexOf('/') + 1))

export const ControllerOffice = message({
  name: 'ControllerOffice',
  versions: '0',
  flexibleSince: 0,
  fields: { controllerId: int32, incarnationId: uuid, epoch: int32 },
})

export const SnapshotHead = message({
  name: 'SnapshotHead',
  versions: '0',
  flexibleSince: 0,
  fields: { number: int64, partCount: int32 },
})

/** What a broker says of itself when it starts, for the controller to register it. */
export const BrokerSession = message({
  name: 'BrokerSession',
  versions: '0',
  flexibleSince: 0,
  fields: {
    incarnationId: uuid,
    endpoints: array({ name: string, host: string, port: uint16, securityProtocol: int16 }),
    rack: string.nullable(),
    logDirs: array(uuid),
    features: array({ name: string, minVersion: int16, maxVersion: int16 }),
    cleanShutdown: boolean,
    isShuttingDown: boolean,
  },
})
export type BrokerSession = Infer<typeof BrokerSession>

export function encodeValue<M extends Message>(schema: M, value: Input<M>): Uint8Array {
  return encodeVersioned(schema, schema.versions.at(-1)!, value)
}

/** Throws NewerMetadataError. */
export function decodeValue<M extends Message>(schema: M, bytes: Uint8Array): Infer<M> {
  refuseNewerVersion(schema.name, versionOf(bytes), schema.versions.at(-1)!)
  return decodeVersioned(schema, bytes)
}

export function refuseNewerVersion(what: string, version: number, versionMax: number): void {
  if (version > versionMax) throw new NewerMetadataError(`${what} version ${version}`)
}

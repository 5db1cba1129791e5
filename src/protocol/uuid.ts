/**
 * Topic ids, directory ids and the like: 16 bytes on the wire, and in memory the 22 characters of URL-safe base64 that Kafka's tools print.
 * A string compares with `===`, works as a key of a Map and can be read in a log line.
 */

import { assert } from '../std/assert.ts'

/** 22 characters of URL-safe base64 without padding. */
export type Uuid = string

export const UUID_BYTES = 16
export const UUID_CHARS = 22

/** "No id": what a message carries where a topic or directory has none. */
export const ZERO_UUID: Uuid = 'AAAAAAAAAAAAAAAAAAAAAA'

/** Reserved by Kafka for the topic of its own metadata log; never given to another topic. */
export const METADATA_TOPIC_UUID: Uuid = 'AAAAAAAAAAAAAAAAAAAAAQ'

const FORM = /^[A-Za-z0-9_-]{21}[AQgw]$/

/** Whether `text` is what `uuidOf` gives for some 16 bytes. */
export function isUuid(text: string): text is Uuid {
  return FORM.test(text)
}

export function uuidOf(bytes: Uint8Array): Uuid {
  assert(bytes.length === UUID_BYTES, `a uuid has ${UUID_BYTES} bytes, not ${bytes.length}`)
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64url')
}

export function uuidBytes(uuid: Uuid): Uint8Array {
  assert(isUuid(uuid), `not a uuid: ${uuid}`)
  return Buffer.from(uuid, 'base64url')
}

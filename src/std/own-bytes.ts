/**
 * A copy in memory of its own, and of its size, for what is kept when the memory that it lies in is not to be: the `slice` of a `Buffer` is none, but a view that keeps a
 * whole request for four bytes of it.
 */
export function ownBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes)
}

/**
 * XXH3 with 64 bits and seed 0 (Yann Collet, the xxHash specification), for hashes that another implementation has to find equal.
 *
 * Inputs up to 240 bytes are mixed in a handful of 64-bit steps, which bigint does well enough. Longer ones go through eight lanes, 64 bytes
 * a step: there each lane is two 32-bit halves in plain numbers, about fifty times as fast.
 */

const SECRET = Buffer.from(
  'b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671f' +
    'cb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c' +
    '3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8' +
    'a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364' +
    'eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e' +
    '2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e',
  'hex',
)

const PRIME32_1 = 0x9e37_79b1n
const PRIME32_2 = 0x85eb_ca77n
const PRIME32_3 = 0xc2b2_ae3dn
const PRIME64_1 = 0x9e37_79b1_85eb_ca87n
const PRIME64_2 = 0xc2b2_ae3d_27d4_eb4fn
const PRIME64_3 = 0x1656_67b1_9e37_79f9n
const PRIME64_4 = 0x85eb_ca77_c2b2_ae63n
const PRIME64_5 = 0x27d4_eb2f_1656_67c5n
const PRIME_MX1 = 0x1656_6791_9e37_79f9n
const PRIME_MX2 = 0x9fb2_1c65_1e98_df25n

const STRIPE_BYTES = 64
/** The secret moves on by this much a stripe. */
const SECRET_STEP = 8
const STRIPES_PER_BLOCK = (SECRET.length - STRIPE_BYTES) / SECRET_STEP
const BLOCK_BYTES = STRIPE_BYTES * STRIPES_PER_BLOCK

/** The hash as a bigint in [−2^63, 2^63): how a signed 64-bit field carries it. */
export function xxh3(bytes: Uint8Array): bigint {
  return BigInt.asIntN(64, unsigned(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)))
}

function unsigned(input: Buffer): bigint {
  const { length } = input
  if (length === 0) return xxh64Avalanche(secret(56) ^ secret(64))
  if (length <= 3) return oneToThree(input)
  if (length <= 8) return fourToEight(input)
  if (length <= 16) return nineToSixteen(input)
  if (length <= 128) return upTo128(input)
  if (length <= 240) return upTo240(input)
  return long(input)
}

const wrap = (value: bigint): bigint => BigInt.asUintN(64, value)
const secret = (at: number): bigint => SECRET.readBigUInt64LE(at)
const rotateLeft = (value: bigint, by: bigint): bigint => wrap((value << by) | (value >> (64n - by)))
const byteSwap = (value: bigint): bigint => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(value)
  return bytes.readBigUInt64BE()
}

function multiplyFold(a: bigint, b: bigint): bigint {
  const product = a * b
  return wrap(product) ^ (product >> 64n)
}

function avalanche(hash: bigint): bigint {
  const mixed = wrap((hash ^ (hash >> 37n)) * PRIME_MX1)
  return mixed ^ (mixed >> 32n)
}

function xxh64Avalanche(hash: bigint): bigint {
  const first = wrap((hash ^ (hash >> 33n)) * PRIME64_2)
  const second = wrap((first ^ (first >> 29n)) * PRIME64_3)
  return second ^ (second >> 32n)
}

function oneToThree(input: Buffer): bigint {
  const { length } = input
  const first = input[0]!
  const middle = input[length >> 1]!
  const last = input[length - 1]!
  const combined = BigInt(((first << 16) | (middle << 24) | last | (length << 8)) >>> 0)
  return xxh64Avalanche(combined ^ BigInt((SECRET.readUInt32LE(0) ^ SECRET.readUInt32LE(4)) >>> 0))
}

function fourToEight(input: Buffer): bigint {
  const length = BigInt(input.length)
  const first = BigInt(input.readUInt32LE(0))
  const last = BigInt(input.readUInt32LE(input.length - 4))
  let hash = (last + (first << 32n)) ^ secret(8) ^ secret(16)
  hash = wrap((hash ^ rotateLeft(hash, 49n) ^ rotateLeft(hash, 24n)) * PRIME_MX2)
  hash = wrap((hash ^ ((hash >> 35n) + length)) * PRIME_MX2)
  return hash ^ (hash >> 28n)
}

function nineToSixteen(input: Buffer): bigint {
  const low = input.readBigUInt64LE(0) ^ secret(24) ^ secret(32)
  const high = input.readBigUInt64LE(input.length - 8) ^ secret(40) ^ secret(48)
  return avalanche(wrap(BigInt(input.length) + byteSwap(low) + high + multiplyFold(low, high)))
}

function mix16(input: Buffer, at: number, secretAt: number): bigint {
  return multiplyFold(
    input.readBigUInt64LE(at) ^ secret(secretAt),
    input.readBigUInt64LE(at + 8) ^ secret(secretAt + 8),
  )
}

/** Sixteen bytes from the front and sixteen from the back a round, towards the middle. */
function upTo128(input: Buffer): bigint {
  const { length } = input
  let hash = BigInt(length) * PRIME64_1
  for (let round = (length - 1) >> 5; round >= 0; round--) {
    hash += mix16(input, 16 * round, 32 * round) + mix16(input, length - 16 * (round + 1), 32 * round + 16)
  }
  return avalanche(wrap(hash))
}

function upTo240(input: Buffer): bigint {
  const { length } = input
  let hash = BigInt(length) * PRIME64_1
  for (let i = 0; i < 8; i++) hash += mix16(input, 16 * i, 16 * i)
  hash = avalanche(wrap(hash))
  for (let i = 8; i < length >> 4; i++) hash += mix16(input, 16 * i, 16 * (i - 8) + 3)
  return avalanche(wrap(hash + mix16(input, length - 16, 136 - 17)))
}

const INITIAL_LANES = [PRIME32_3, PRIME64_1, PRIME64_2, PRIME64_3, PRIME64_4, PRIME32_2, PRIME64_5, PRIME32_1]

function long(input: Buffer): bigint {
  const { length } = input
  const lanes = new Uint32Array(16)
  INITIAL_LANES.forEach((lane, i) => setLane(lanes, i, lane))
  const blocks = Math.floor((length - 1) / BLOCK_BYTES)
  for (let block = 0; block < blocks; block++) {
    for (let i = 0; i < STRIPES_PER_BLOCK; i++) {
      accumulate(lanes, input, block * BLOCK_BYTES + i * STRIPE_BYTES, i * SECRET_STEP)
    }
    scramble(lanes)
  }
  const rest = blocks * BLOCK_BYTES
  const stripes = Math.floor((length - 1 - rest) / STRIPE_BYTES)
  for (let i = 0; i < stripes; i++) accumulate(lanes, input, rest + i * STRIPE_BYTES, i * SECRET_STEP)
  accumulate(lanes, input, length - STRIPE_BYTES, SECRET.length - STRIPE_BYTES - 7)
  let hash = BigInt(length) * PRIME64_1
  for (let i = 0; i < 4; i++) {
    hash += multiplyFold(lane(lanes, 2 * i) ^ secret(11 + 16 * i), lane(lanes, 2 * i + 1) ^ secret(19 + 16 * i))
  }
  return avalanche(wrap(hash))
}

function lane(lanes: Uint32Array, i: number): bigint {
  return (BigInt(lanes[2 * i + 1]!) << 32n) | BigInt(lanes[2 * i]!)
}

function setLane(lanes: Uint32Array, i: number, value: bigint): void {
  lanes[2 * i] = Number(value & 0xffff_ffffn)
  lanes[2 * i + 1] = Number(value >> 32n)
}

/** Adds to each lane the product of its keyed halves, and to its neighbour the input as it is. */
function accumulate(lanes: Uint32Array, input: Buffer, at: number, secretAt: number): void {
  for (let i = 0; i < 8; i++) {
    const low = input.readUInt32LE(at + 8 * i)
    const high = input.readUInt32LE(at + 8 * i + 4)
    const a = low ^ SECRET.readUInt32LE(secretAt + 8 * i)
    const b = high ^ SECRET.readUInt32LE(secretAt + 8 * i + 4)
    // The 64-bit product of two 32-bit numbers, from four of 16 bits: no sum here leaves what a double holds exactly.
    const lows = (a & 0xffff) * (b & 0xffff)
    const middle = (a >>> 16) * (b & 0xffff) + (a & 0xffff) * (b >>> 16) + Math.floor(lows / 0x1_0000)
    const highs = (a >>> 16) * (b >>> 16) + Math.floor(middle / 0x1_0000)
    addTo(lanes, i, (middle % 0x1_0000) * 0x1_0000 + (lows % 0x1_0000), highs)
    addTo(lanes, i ^ 1, low, high)
  }
}

function addTo(lanes: Uint32Array, i: number, low: number, high: number): void {
  const sum = lanes[2 * i]! + low
  lanes[2 * i] = sum
  lanes[2 * i + 1] = lanes[2 * i + 1]! + high + (sum > 0xffff_ffff ? 1 : 0)
}

function scramble(lanes: Uint32Array): void {
  for (let i = 0; i < 8; i++) {
    const value = lane(lanes, i)
    setLane(lanes, i, wrap((value ^ (value >> 47n) ^ secret(SECRET.length - STRIPE_BYTES + 8 * i)) * PRIME32_1))
  }
}

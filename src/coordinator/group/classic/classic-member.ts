/** A member of a classic group: what it said when it joined, what it was assigned, and the answers that it waits for. */

import type { JoinGroupResponse } from '../../../protocol/messages/join-group.ts'
import type { SyncGroupResponse } from '../../../protocol/messages/sync-group.ts'
import type { Input } from '../../../protocol/schema.ts'
import { assert } from '../../../std/assert.ts'
import type { ScheduledTimer } from '../../runtime/timers.ts'

export type JoinAnswer = Input<typeof JoinGroupResponse>
export type SyncAnswer = Input<typeof SyncGroupResponse>

/** One way to assign that the member knows (`range`), with what the leader needs to know of the member for it. */
export interface MemberProtocol {
  readonly name: string
  readonly metadata: Uint8Array
}

export interface MemberIdentity {
  readonly memberId: string
  /** Of a static member (KIP-345), else null. */
  readonly groupInstanceId: string | null
  readonly clientId: string
  /** With a slash in front, as Java prints addresses. */
  readonly clientHost: string
}

export const noAssignment = new Uint8Array(0)

export class ClassicMember {
  readonly identity: MemberIdentity
  readonly protocolType: string
  rebalanceTimeoutMs: number
  sessionTimeoutMs: number
  #protocols: readonly MemberProtocol[]
  /** As how many members it counts: see `loadOf`. */
  load: number
  assignment: Uint8Array
  /** It has joined for the first time and not heard of a generation yet: it cannot send heartbeats, and may be removed while it waits. */
  isNew = false
  /** Its end, while it is scheduled. */
  session: ScheduledTimer | undefined
  #join: ((answer: JoinAnswer) => void) | undefined
  #sync: ((answer: SyncAnswer) => void) | undefined

  constructor(
    identity: MemberIdentity,
    timeouts: { readonly rebalanceTimeoutMs: number; readonly sessionTimeoutMs: number },
    protocolType: string,
    protocols: readonly MemberProtocol[],
    assignment: Uint8Array = noAssignment,
  ) {
    this.identity = identity
    this.rebalanceTimeoutMs = timeouts.rebalanceTimeoutMs
    this.sessionTimeoutMs = timeouts.sessionTimeoutMs
    this.protocolType = protocolType
    this.#protocols = protocols
    this.load = loadOf(protocols)
    this.assignment = assignment
  }

  /** In the order of the member's preference. Owned: no views of a request. */
  get protocols(): readonly MemberProtocol[] {
    return this.#protocols
  }

  set protocols(protocols: readonly MemberProtocol[]) {
    this.#protocols = protocols
    this.load = loadOf(protocols)
  }

  get memberId(): string {
    return this.identity.memberId
  }

  get groupInstanceId(): string | null {
    return this.identity.groupInstanceId
  }

  get isStatic(): boolean {
    return this.identity.groupInstanceId !== null
  }

  get isAwaitingJoin(): boolean {
    return this.#join !== undefined
  }

  get isAwaitingSync(): boolean {
    return this.#sync !== undefined
  }

  /** Who waits for an answer of ours cannot be silent; except somebody new, who may have gone without our seeing it. */
  get isExcusedFromHeartbeats(): boolean {
    return !this.isNew && (this.isAwaitingJoin || this.isAwaitingSync)
  }

  metadata(protocol: string): Uint8Array {
    const found = this.protocols.find(({ name }) => name === protocol)
    assert(found !== undefined, () => `member ${this.memberId} does not know the protocol ${protocol}`)
    return found.metadata
  }

  /** Whether it would join with just what it has. */
  hasProtocols(protocols: readonly MemberProtocol[]): boolean {
    return (
      protocols.length === this.protocols.length &&
      protocols.every(({ name, metadata }, index) => {
        const own = this.protocols[index]!
        return own.name === name && equalBytes(own.metadata, metadata)
      })
    )
  }

  /** The candidate that it likes best. */
  vote(candidates: ReadonlySet<string>): string {
    const best = this.protocols.find(({ name }) => candidates.has(name))
    assert(best !== undefined, () => `member ${this.memberId} knows none of ${[...candidates].join()}`)
    return best.name
  }

  /** Waits for a join to be answered. A request of its own that waited before is given up, as Kafka does: the client has gone on without it. */
  awaitJoin(answer: ((answer: JoinAnswer) => void) | undefined): void {
    this.#join = answer
  }

  awaitSync(answer: (answer: SyncAnswer) => void): void {
    this.#sync = answer
  }

  /** False: it does not wait. */
  answerJoin(answer: JoinAnswer): boolean {
    const join = this.#join
    this.#join = undefined
    join?.(answer)
    return join !== undefined
  }

  /** False: it does not wait. */
  answerSync(answer: SyncAnswer): boolean {
    const sync = this.#sync
    this.#sync = undefined
    sync?.(answer)
    return sync !== undefined
  }
}

/** What a protocol costs besides its metadata. */
const protocolBytes = 256
/** Who makes the broker remember more than this counts as several members (`ottla.group.members.max`). */
export const MEMBER_BYTES = 4096

/** As how many members somebody counts who joins with these. */
export function loadOf(protocols: readonly MemberProtocol[]): number {
  let bytes = 0
  for (const { name, metadata } of protocols) bytes += protocolBytes + name.length + metadata.length
  return Math.max(1, Math.ceil(bytes / MEMBER_BYTES))
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}

/** An operation of a history as the checker remembers it, with what it may have written. */

import type { GroupCommit, OperationEvent } from '../history.ts'
import type { PartitionView } from './partition-view.ts'

export type OperationState = 'open' | 'ok' | 'fail' | 'unknown'

export class Operation {
  readonly process: string
  readonly f: OperationEvent['f']
  readonly beganAt: number
  /** When its commit was first asked for. What is no transaction may be in force at any time: clocks of processes may be a little apart. */
  endingAt: number
  state: OperationState = 'open'
  readonly writes: Write[] = []
  readonly commits: GroupCommit[] = []

  /** `beganAt` is −Infinity where only the outcome is told. */
  constructor(event: OperationEvent, beganAt: number) {
    this.process = event.process
    this.f = event.f
    this.beganAt = beganAt
    this.endingAt = event.f === 'txn' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY
  }

  /** It is in force: that was said, or somebody has read some of it. */
  get isInForce(): boolean {
    return this.state === 'ok' || (this.state !== 'fail' && this.writes.some(write => write.firstReadAt !== undefined))
  }
}

export class Write {
  readonly operation: Operation
  readonly view: PartitionView
  readonly value: string
  readonly source: string | undefined
  /** −1: not known. */
  offset = -1
  firstReadAt: number | undefined = undefined
  /** The last offset that its process had been told for this partition when this began. */
  readonly above: number

  constructor(operation: Operation, view: PartitionView, value: string, source: string | undefined, above: number) {
    this.operation = operation
    this.view = view
    this.value = value
    this.source = source
    this.above = above
  }

  /** Readers of committed records see it. */
  get isInForce(): boolean {
    return this.operation.state === 'ok' || (this.firstReadAt !== undefined && this.operation.state !== 'fail')
  }
}

/** Why a batch was refused: a value, since bytes from outside are expected to be wrong sometimes. */

/** Kafka's error names; the broker maps them to wire codes in its one table. */
export type BatchError =
  | 'CORRUPT_MESSAGE'
  | 'INVALID_RECORD'
  | 'INVALID_TIMESTAMP'
  | 'MESSAGE_TOO_LARGE'
  | 'UNSUPPORTED_COMPRESSION_TYPE'

/** One refused record, as Produce responses since v8 report it (KIP-467). */
export interface RecordError {
  /** Position in the batch, from 0. */
  readonly batchIndex: number
  readonly message: string
}

export class BatchFailure {
  readonly error: BatchError
  /** For people: what is wrong and where. */
  readonly message: string
  /** Which records are to blame, where it is some of them and not the batch. */
  readonly recordErrors: readonly RecordError[]

  constructor(error: BatchError, message: string, recordErrors: readonly RecordError[] = []) {
    this.error = error
    this.message = message
    this.recordErrors = recordErrors
  }
}

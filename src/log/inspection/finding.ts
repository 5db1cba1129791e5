/** What checking a log has found, for a person and for a program. */

/**
 * `damage`: records are lost, or cannot be read. `problem`: something that belongs to the records is wrong, and can be made anew from them. `note`: nothing is
 * wrong, but it is as well to know.
 */
export type Severity = 'damage' | 'problem' | 'note'

export interface Finding {
  readonly severity: Severity
  /** The file or folder that it is about. */
  readonly path: string
  /** What kind of thing it is, for programs; the same for all findings of that kind. */
  readonly code: FindingCode
  /** One sentence, without the path. */
  readonly message: string
  /** In the file, in bytes, where there is such a place. */
  readonly position?: number
  /** In the log, where there is such a place. */
  readonly offset?: number
}

export type FindingCode =
  | 'unreadable'
  | 'damaged-batch'
  | 'damaged-bytes'
  | 'unfinished-tail'
  | 'damaged-records'
  | 'offset-order'
  | 'leader-epoch-order'
  | 'missing-offsets'
  | 'missing-records'
  | 'offset-index'
  | 'time-index'
  | 'transaction-index'
  | 'producer-snapshot'
  | 'leader-epochs'
  | 'checkpoint'
  | 'identity'
  | 'left-over'
  | 'unfinished-compaction'
  | 'compacted'
  | 'unclean'

export type Report = (finding: Finding) => void

/** Lets at most so many findings of a kind through for one path: a file of zeros has a hundred thousand wrong entries. */
export class FindingFilter {
  readonly #report: Report
  readonly #eachMax: number
  readonly #counts = new Map<string, { count: number; last: Finding }>()

  constructor(report: Report, eachMax: number) {
    this.#report = report
    this.#eachMax = eachMax
  }

  readonly report: Report = finding => {
    const key = `${finding.code} ${finding.path}`
    const seen = this.#counts.get(key)
    const count = (seen?.count ?? 0) + 1
    this.#counts.set(key, { count, last: finding })
    if (count <= this.#eachMax) this.#report(finding)
  }

  /** Says how many were held back. To be called when a partition is done. */
  end(): void {
    for (const { count, last } of this.#counts.values()) {
      const more = count - this.#eachMax
      if (more <= 0) continue
      const { severity, path, code } = last
      this.#report({ severity, path, code, message: `and ${more} more of the same kind` })
    }
    this.#counts.clear()
  }
}

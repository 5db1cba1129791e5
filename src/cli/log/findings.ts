/** How findings are shown, and counted for the end. */
import type { Finding, Severity } from '../../log/inspection/finding.ts'
import type { Printer } from './printer.ts'
import type { ProgressBar } from './progress-bar.ts'
import { shownPath } from './targets.ts'

export class Findings {
  readonly #printer: Printer
  readonly #bar: ProgressBar
  readonly #counts: Record<Severity, number> = { damage: 0, problem: 0, note: 0 }

  constructor(printer: Printer, bar: ProgressBar) {
    this.#printer = printer
    this.#bar = bar
  }

  get damage(): number {
    return this.#counts.damage
  }

  get problems(): number {
    return this.#counts.problem
  }

  get notes(): number {
    return this.#counts.note
  }

  readonly show = (finding: Finding): void => {
    const { severity, path, message } = finding
    this.#counts[severity] += 1
    const printer = this.#printer
    this.#bar.clear()
    printer.row({ type: 'finding', ...finding }, () => {
      const label = severity.padEnd(7)
      const shown = severity === 'note' ? printer.faint(label) : printer.alarming(label)
      return `${shown}  ${shownPath(path)}: ${message}`
    })
  }
}

/** `1 problem`, `2 problems`. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

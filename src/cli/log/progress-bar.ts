/** A line on a terminal that says how far something has got; nothing where standard error is no terminal. */
const barChars = 24
const drawIntervalMs = 100

export class ProgressBar {
  readonly #isShown: boolean
  readonly #totalBytes: number
  readonly #startMs = Date.now()
  #doneBytes = 0
  #lastDrawMs = 0
  #isDrawn = false
  #what = ''

  constructor(isWanted: boolean, totalBytes: number) {
    this.#isShown = isWanted && process.stderr.isTTY && totalBytes > 0
    this.#totalBytes = totalBytes
  }

  /** What is being worked on. */
  begin(what: string): void {
    this.#what = what
    this.add(0)
  }

  add(bytes: number): void {
    this.#doneBytes += bytes
    const nowMs = Date.now()
    if (!this.#isShown || nowMs - this.#lastDrawMs < drawIntervalMs) return
    this.#lastDrawMs = nowMs
    this.#isDrawn = true
    process.stderr.write(`\r${this.#line(nowMs)}\u001b[K`)
  }

  /** Makes room for a line of output. */
  clear(): void {
    if (!this.#isDrawn) return
    process.stderr.write('\r\u001b[K')
    this.#isDrawn = false
    this.#lastDrawMs = 0
  }

  #line(nowMs: number): string {
    const share = Math.min(1, this.#doneBytes / this.#totalBytes)
    const filled = Math.round(share * barChars)
    const bar = '█'.repeat(filled) + '░'.repeat(barChars - filled)
    const perSecond = (this.#doneBytes / Math.max(1, nowMs - this.#startMs)) * 1000
    const width = process.stderr.columns || 80
    const line = `${bar} ${String(Math.floor(share * 100)).padStart(3)} %  ${sizeText(perSecond)}/s  ${this.#what}`
    return line.slice(0, width - 1)
  }
}

/** `1.2 GB`. */
export function sizeText(bytes: number): string {
  const units = ['bytes', 'KB', 'MB', 'GB', 'TB']
  let value = bytes
  let unit = 0
  for (; value >= 1000 && unit < units.length - 1; unit += 1) value /= 1000
  const digits = unit === 0 || value >= 100 ? 0 : 1
  return `${value.toFixed(digits)} ${units[unit]!}`
}

/** Works through items with at most so many at a time. Rejects with the first failure, after what had begun has ended. */
export async function inTurns<T>(
  items: readonly T[],
  atATime: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const waiting = items[Symbol.iterator]()
  const worker = async () => {
    for (const item of waiting) await work(item)
  }
  const outcomes = await Promise.allSettled(Array.from({ length: atATime }, worker))
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
}

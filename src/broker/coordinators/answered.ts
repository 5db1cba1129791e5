/**
 * Between handlers, which return an answer or a promise of one, and coordinators, which call back: at once more often than not, and then no promise is made.
 */

/** Only the first answer counts: who has been told of a failure is not told again. */
export function answered<T>(ask: (answer: (value: T) => void) => void): T | Promise<T> {
  let isAnswered = false
  let value: T | undefined
  let resolve: ((value: T) => void) | undefined
  ask(answer => {
    if (isAnswered) return
    isAnswered = true
    if (resolve === undefined) value = answer
    else resolve(answer)
  })
  if (isAnswered) return value as T
  return new Promise<T>(done => {
    resolve = done
  })
}

/** All of them, as a promise only where one is. */
export function all<T>(answers: readonly (T | Promise<T>)[]): readonly T[] | Promise<T[]> {
  return answers.some(answer => answer instanceof Promise) ? Promise.all(answers) : (answers as readonly T[])
}

export function mapAnswer<T, U>(answer: T | Promise<T>, map: (value: T) => U | Promise<U>): U | Promise<U> {
  return answer instanceof Promise ? answer.then(map) : map(answer)
}

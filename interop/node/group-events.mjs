/** What the Node programs of a group share: their arguments, and what they say, as interop/groups/events.ts reads it. */

/** The arguments `name=value`. */
export function groupArguments() {
  return Object.fromEntries(
    process.argv.slice(2).map(argument => {
      const at = argument.indexOf('=')
      return [argument.slice(0, at), argument.slice(at + 1)]
    }),
  )
}

/** A whole line. Standard output is a pipe, so it is gone when this returns; the process may be killed at any time. */
export function say(word, ...values) {
  process.stdout.write(`${[Date.now(), word, ...values.map(value => String(value).replace(/\s+/g, '_'))].join(' ')}\n`)
}

export function names(partitions) {
  return partitions.length === 0 ? '-' : partitions.toSorted().join(',')
}

export function atEndOfInput(stop) {
  process.stdin.resume()
  process.stdin.once('end', stop)
}

/**
 * Loaded into the broker with `node --require`, in front of everything: measures from inside how late its event loop is, and tells whoever started the process over
 * the channel between the two. `begin` starts a new interval; `end` is answered with what was seen since, in milliseconds.
 *
 * A timer of one millisecond is what is late. It runs within an interval only: a broker that wakes a thousand times a second never finds that it has nothing to do. The channel is not waited
 * for: the process ends when it would without this.
 */
'use strict'
const { monitorEventLoopDelay } = require('node:perf_hooks')

const resolutionMs = 1
const histogram = monitorEventLoopDelay({ resolution: resolutionMs })

/** The histogram has the whole time between two timers. */
const late = nanoseconds => Math.max(0, nanoseconds / 1e6 - resolutionMs)

process.on('message', command => {
  if (command === 'begin') {
    histogram.enable()
    histogram.reset()
  } else {
    histogram.disable()
    const at = percentile => late(histogram.percentile(percentile))
    process.send({ p50Ms: at(50), p99Ms: at(99), p999Ms: at(99.9), maxMs: late(histogram.max) })
  }
})
process.channel.unref()

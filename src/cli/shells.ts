/** The shells that `ottla completion` knows: on their own, so that the command line can name them without loading the scripts. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

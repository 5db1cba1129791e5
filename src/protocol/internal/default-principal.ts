/**
 * A principal inside of Envelope, with its version in front as an int16.
 */

import { boolean, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const DefaultPrincipal = message({
  name: 'DefaultPrincipal',
  versions: '0',
  flexibleSince: 0,
  fields: { type: string, name: string, tokenAuthenticated: boolean },
})
export type DefaultPrincipal = Infer<typeof DefaultPrincipal>

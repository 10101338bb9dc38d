/**
 * An endpoint in front of one API, for tests of the proxy alone: who may use what is a stand-in's to say, everything on the
 * way to the API is real.
 */
import { onTestFinished } from 'vitest'
import { startApi, type ApiServer } from '../fakes/api-server.ts'
import { clientToken } from '../unit/endpoint/stand-in-doors.ts'
import { startStage, type Stage } from '../unit/endpoint/wire.ts'

export const token = 'access/token+of-the-account=='
export const newer = 'another/token+of-the-account='

export type ProxyStage = Stage & { readonly api: ApiServer; readonly port: number }

/** An endpoint whose every account has one API, which takes both tokens. */
export async function stage(): Promise<ProxyStage> {
  const api = await startApi((authorization) => [`Bearer ${token}`, `Bearer ${newer}`].includes(authorization))
  onTestFinished(() => api.stop())
  const staged = await startStage()
  staged.asking.bases = [`${api.origin}/v1/`]
  staged.asking.tokens = [token]
  return { ...staged, api }
}

const auth = `Authorization: Bearer ${clientToken}\r\n`
/** A request of the first client's: its line, and fields of its own. */
export const head = (line: string, fields = ''): string => `${line} HTTP/1.1\r\nHost: x\r\n${auth}${fields}\r\n`
/** A proxied call of an account that client may use. */
export const through = '/v1/accounts/work/proxy/'

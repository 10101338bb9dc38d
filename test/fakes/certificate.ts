/**
 * A self-signed certificate for 127.0.0.1, made when it is needed (RFC 5280, DER by hand). The rule: no private key lies in
 * the repository, and no test needs a program to make one.
 */
import { generateKeyPairSync, sign } from 'node:crypto'

export interface Certificate {
  readonly key: string
  readonly cert: string
}

const tagged = (tag: number, ...parts: readonly Buffer[]): Buffer => {
  const body = Buffer.concat(parts)
  const length =
    body.length < 0x80
      ? [body.length]
      : body.length < 0x100
        ? [0x81, body.length]
        : [0x82, body.length >> 8, body.length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...length]), body])
}
const sequence = (...parts: readonly Buffer[]): Buffer => tagged(0x30, ...parts)
const hex = (text: string): Buffer => Buffer.from(text, 'hex')
const time = (date: Date): Buffer =>
  tagged(0x17, Buffer.from(`${date.toISOString().replaceAll(/[-:T]/gu, '').slice(2, 14)}Z`))

const ecdsaWithSha256 = sequence(tagged(0x06, hex('2a8648ce3d040302')))
const commonName = sequence(
  tagged(0x31, sequence(tagged(0x06, hex('550403')), tagged(0x0c, Buffer.from('Valetkey test')))),
)
const basicConstraints = sequence(tagged(0x06, hex('551d13')), hex('0101ff'), tagged(0x04, sequence(hex('0101ff'))))
const subjectAltName = sequence(tagged(0x06, hex('551d11')), tagged(0x04, sequence(tagged(0x87, hex('7f000001')))))

/** Valid from a day ago for ten days. */
export function selfSignedCertificate(): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const day = 86_400_000
  const body = sequence(
    tagged(0xa0, hex('020102')),
    hex('020101'),
    ecdsaWithSha256,
    commonName,
    sequence(time(new Date(Date.now() - day)), time(new Date(Date.now() + 9 * day))),
    commonName,
    publicKey.export({ type: 'spki', format: 'der' }),
    tagged(0xa3, sequence(basicConstraints, subjectAltName)),
  )
  const der = sequence(body, ecdsaWithSha256, tagged(0x03, hex('00'), sign('sha256', body, privateKey)))
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replaceAll(/.{64}/gu, '$&\n')}\n-----END CERTIFICATE-----\n`,
  }
}

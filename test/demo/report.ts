/**
 * The demo's script: what somebody who has never seen Valetkey's inside writes to call an API. It knows an account's
 * label and nothing else; its client token comes through the environment.
 */
import { connect } from '../../clients/js/index.ts'

const [account = '', userinfo = ''] = process.argv.slice(2)
const valetkey = connect()
const answer = await valetkey.fetch(account, userinfo)
process.stdout.write(`${JSON.stringify({ status: answer.status, body: (await answer.json()) as unknown })}\n`)
valetkey.close()

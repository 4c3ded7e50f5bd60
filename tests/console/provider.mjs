// A provider of OpenID Connect that is not ours, on this machine: oidc-provider, with people and groups of its own.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const GROUPS = { lin: ['staff', 'eosin-compliance'], mo: ['staff'] };

/** A key of its own, named for when it was made. */
function key(algorithm) {
  const pair = algorithm === 'RS256' ? generateKeyPairSync('rsa', { modulusLength: 2048 }) : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { ...pair.privateKey.export({ format: 'jwk' }), kid: `${algorithm}-${Date.now()}`, use: 'sig', alg: algorithm };
}

/** Starts one: `issuer`, `rotate(algorithm)` for other keys at the same address, and `stop()`. */
export async function provide(base) {
  let answer = (request, response) => response.end();
  const server = createServer((request, response) => answer(request, response));
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const rotate = (algorithm) => {
    const provider = new Provider(issuer, {
      clients: [{
        client_id: 'eosin',
        client_secret: 'a secret & of two',
        redirect_uris: [`${base}sign-in/openid/back`],
        post_logout_redirect_uris: [`${base}sign-in`],
        id_token_signed_response_alg: algorithm,
      }],
      jwks: { keys: [key(algorithm)] },
      cookies: { keys: ['of the story'] },
      // Claims are in the ID token, as most providers of organisations have them.
      conformIdTokenClaims: false,
      claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['groups'] },
      findAccount: (context, id) => ({
        accountId: id,
        claims: () => ({ sub: id, email: `${id}@example.org`, email_verified: true, groups: GROUPS[id] ?? [] }),
      }),
    });
    answer = provider.callback();
  };
  rotate('RS256');
  return { issuer, rotate, stop: () => server.close() };
}

// Verifies an access token with jose. npm install jose
import { createRemoteJWKSet, jwtVerify } from 'jose';

const issuer = process.env.SSO_URL;
const audience = process.env.SSO_AUDIENCE ?? 'default';

// Keeps the keys, and fetches them again when a token names one that it does not know.
const keys = createRemoteJWKSet(new URL(`${issuer}/oauth2/jwks`));

// The claims of a good token; throws for any other.
export async function employee(token) {
  const { payload } = await jwtVerify(token, keys, { issuer, audience, algorithms: ['ES256'], typ: 'at+jwt' });
  return payload;
}

console.log((await employee(process.argv[2])).userid);

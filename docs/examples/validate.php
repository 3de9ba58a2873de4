<?php
// Verifies an access token with php-jwt. composer require firebase/php-jwt

require 'vendor/autoload.php';

use Firebase\JWT\JWK;
use Firebase\JWT\JWT;

/** The claims of a good token; throws for any other. */
function employee(string $token, string $issuer, string $audience): stdClass
{
    // Keep this answer for five minutes (Cache-Control says so), as CachedKeySet of the library does.
    $keys = json_decode(file_get_contents("$issuer/oauth2/jwks"), true, 8, JSON_THROW_ON_ERROR);
    $header = new stdClass();
    $claims = JWT::decode($token, JWK::parseKeySet($keys), $header);
    if (($header->typ ?? '') !== 'at+jwt' || $claims->iss !== $issuer || $claims->aud !== $audience) {
        throw new UnexpectedValueException('not an access token for this application');
    }
    return $claims;
}

echo employee($argv[1], getenv('SSO_URL'), getenv('SSO_AUDIENCE') ?: 'default')->userid, PHP_EOL;

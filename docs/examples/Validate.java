// Verifies an access token with Nimbus JOSE+JWT: com.nimbusds:nimbus-jose-jwt

import com.nimbusds.jose.JOSEObjectType;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.jwk.source.JWKSourceBuilder;
import com.nimbusds.jose.proc.DefaultJOSEObjectTypeVerifier;
import com.nimbusds.jose.proc.JWSVerificationKeySelector;
import com.nimbusds.jose.proc.SecurityContext;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.proc.DefaultJWTClaimsVerifier;
import com.nimbusds.jwt.proc.DefaultJWTProcessor;
import java.net.URI;
import java.util.Set;

public class Validate {
    public static void main(String[] arguments) throws Exception {
        String issuer = System.getenv("SSO_URL");
        String audience = System.getenv().getOrDefault("SSO_AUDIENCE", "default");

        // Once for the whole program: it keeps the keys.
        var keys = JWKSourceBuilder.create(URI.create(issuer + "/oauth2/jwks").toURL()).build();
        var processor = new DefaultJWTProcessor<SecurityContext>();
        processor.setJWSTypeVerifier(new DefaultJOSEObjectTypeVerifier<>(new JOSEObjectType("at+jwt")));
        processor.setJWSKeySelector(new JWSVerificationKeySelector<>(JWSAlgorithm.ES256, keys));
        processor.setJWTClaimsSetVerifier(new DefaultJWTClaimsVerifier<>(
            audience, new JWTClaimsSet.Builder().issuer(issuer).build(), Set.of("sub", "exp")));

        // Throws for a token that is not good.
        JWTClaimsSet claims = processor.process(arguments[0], null);
        System.out.println(claims.getStringClaim("userid"));
    }
}

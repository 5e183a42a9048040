package middleware

import (
	"context"
	"errors"
	"time"

	ginjwt "github.com/appleboy/gin-jwt/v2"
	"github.com/gin-gonic/gin"
	"github.com/golang-jwt/jwt/v4"

	"example.com/handshake/models"
)

// clockSkew is how far the clocks of those who sign and check a token may differ.
const clockSkew = 5 * time.Second

// MinSecretBytes is the least length of a key for HS256 (RFC 7518, section 3.2).
const MinSecretBytes = 32

// sessionKey is where a request keeps whom it speaks for.
const sessionKey = "session"

func init() {
	// Without it a token with spare bits set in its last character is a second text for the same token.
	jwt.DecodeStrict = true
}

// Bearer signs JWTs and is the gate that admits them (RFC 6750, RFC 7519).
type Bearer struct {
	gin    *ginjwt.GinJWTMiddleware
	verify gin.HandlerFunc // gin-jwt's own
	tokens models.Tokens
	issuer string // who signs, and for whom: this app's public address
	now    func() time.Time
}

// NewBearer sets up gin-jwt. Tokens live for ttl.
func NewBearer(secret []byte, ttl time.Duration, issuer string, tokens models.Tokens, now func() time.Time) (*Bearer, error) {
	if len(secret) < MinSecretBytes { // gin-jwt would take an empty one
		return nil, errors.New("the signing key is too short")
	}
	b := &Bearer{tokens: tokens, issuer: issuer, now: now}
	var err error
	b.gin, err = ginjwt.New(&ginjwt.GinJWTMiddleware{
		Realm:            "handshake",
		SigningAlgorithm: "HS256",
		Key:              secret, // with KeyFunc instead, the algorithm would not be checked
		TokenLookup:      "header:Authorization",
		TokenHeadName:    "Bearer",
		// gin-jwt checks exp by TimeFunc, so a clock that lags forgives the skew; Timeout makes up for it.
		// The parser's own checks go by the machine's clock and forgive none, so they are off.
		TimeFunc:     func() time.Time { return now().Add(-clockSkew) },
		Timeout:      ttl + clockSkew,
		ParseOptions: []jwt.ParserOption{jwt.WithoutClaimsValidation()},
		PayloadFunc:  func(data any) ginjwt.MapClaims { return data.(ginjwt.MapClaims) },
		Authorizator: func(_ any, c *gin.Context) bool { return b.admit(c) },
		// What it returns reaches Unauthorized as message. The default is the error's own text.
		HTTPStatusMessageFunc: func(err error, _ *gin.Context) string { return refusalCode(err) },
		Unauthorized:          unauthorized,
	})
	if err != nil {
		return nil, err
	}
	b.verify = b.gin.MiddlewareFunc()
	return b, nil
}

// Sign returns a new JWT for the session, and the row to store for it before
// anybody is given the JWT.
func (b *Bearer) Sign(userID, sessionID string) (raw string, row models.Token, err error) {
	row = models.Token{ID: models.NewID(), SessionID: sessionID, UserID: userID, IssuedAt: b.now().UTC()}
	raw, expires, err := b.gin.TokenGenerator(ginjwt.MapClaims{
		"iss": b.issuer, "aud": b.issuer, "sub": userID, "sid": sessionID, "jti": row.ID, "iat": row.IssuedAt.Unix(),
	})
	row.ExpiresAt = expires.UTC().Truncate(time.Second) // exp has whole seconds
	return raw, row, err
}

// Gate admits a request with a good token in its Authorization header, or with a
// ticket that FindTicket has found. After it, CurrentSession tells who it is.
func (b *Bearer) Gate(c *gin.Context) {
	if tokenID := c.GetString(ticketTokenKey); tokenID != "" {
		who, err := b.find(c.Request.Context(), tokenID)
		if err == errInvalidToken {
			err = errInvalidTicket
		}
		if err != nil {
			refuse(c, err)
			return
		}
		c.Set(sessionKey, who)
		return
	}
	raw, err := bearerHeader(c.Request)
	if err != nil {
		refuse(c, err)
		return
	}
	// gin-jwt compares the scheme's name with regard to case.
	c.Request.Header.Set("Authorization", "")
	if raw != "" {
		c.Request.Header.Set("Authorization", "Bearer "+raw)
	}
	b.verify(c)
}

// CurrentSession tells whom the request speaks for. It is for handlers behind the gate.
func CurrentSession(c *gin.Context) models.Identity {
	return c.MustGet(sessionKey).(models.Identity)
}

// Check is the gate for a token that comes by another way than a request.
func (b *Bearer) Check(ctx context.Context, raw string) (models.Identity, error) {
	if !isBearerToken(raw) {
		return models.Identity{}, errInvalidToken
	}
	token, err := b.gin.ParseTokenString(raw)
	if err != nil {
		return models.Identity{}, errInvalidToken
	}
	claims := token.Claims.(jwt.MapClaims)
	if end, ok := claims["exp"].(float64); !ok || int64(end) < b.now().Add(-clockSkew).Unix() { // to the second as gin-jwt
		return models.Identity{}, errTokenExpired
	}
	return b.identify(ctx, raw, claims)
}

// admit is asked by gin-jwt once the signature, the algorithm and exp are good.
func (b *Bearer) admit(c *gin.Context) bool {
	who, err := b.identify(c.Request.Context(), ginjwt.GetToken(c), jwt.MapClaims(ginjwt.ExtractClaims(c)))
	if err != nil {
		_ = c.Error(err)
		return false
	}
	c.Set(sessionKey, who)
	return true
}

// identify checks what gin-jwt does not: every claim that Sign writes, and the row.
func (b *Bearer) identify(ctx context.Context, raw string, claims jwt.MapClaims) (models.Identity, error) {
	latest := b.now().Add(clockSkew).Unix()
	id, _ := claims["jti"].(string)
	switch {
	case hasCriticalHeader(raw),
		!claims.VerifyIssuer(b.issuer, true),
		!claims.VerifyAudience(b.issuer, true),
		!claims.VerifyIssuedAt(latest, true),
		!claims.VerifyNotBefore(latest, false),
		id == "":
		return models.Identity{}, errInvalidToken
	}
	who, err := b.find(ctx, id)
	if err != nil {
		return models.Identity{}, err
	}
	if claims["sub"] != who.UserID || claims["sid"] != who.SessionID ||
		claims["iat"] != float64(who.IssuedAt.Unix()) || claims["exp"] != float64(who.ExpiresAt.Unix()) {
		return models.Identity{}, errInvalidToken
	}
	return who, nil
}

// find asks for the row, which says what no signature can: that the session lives.
func (b *Bearer) find(ctx context.Context, tokenID string) (models.Identity, error) {
	who, err := b.tokens.Find(ctx, tokenID, b.now())
	if errors.Is(err, models.ErrNotFound) || err == nil && who.ExpiresAt.Unix() < b.now().Add(-clockSkew).Unix() {
		return models.Identity{}, errInvalidToken
	}
	return who, err
}

var (
	errInvalidToken error = &Refusal{Code: "invalid_token", Detail: "The token is not valid, or no longer. Log in again."}
	errTokenExpired error = &Refusal{Code: "token_expired", Detail: "The token has expired. Refresh it, or log in again."}
)

func noToken(detail string) *Refusal { return &Refusal{Code: "no_token", Detail: detail} }

func invalidRequest(detail string) *Refusal { return &Refusal{Code: "invalid_request", Detail: detail} }

func refusalCode(err error) string {
	switch {
	case errors.Is(err, ginjwt.ErrEmptyAuthHeader):
		return "no_token"
	case errors.Is(err, ginjwt.ErrExpiredToken):
		return "token_expired"
	default:
		return "invalid_token"
	}
}

// unauthorized is called by gin-jwt for whatever failed, and is told the code by refusalCode.
func unauthorized(c *gin.Context, _ int, code string) {
	c.Writer.Header().Del("WWW-Authenticate") // gin-jwt's names another scheme
	switch {
	case len(c.Errors) > 0: // admit has said why
		c.Abort()
	case code == "no_token":
		refuse(c, noToken("This needs a token. Send the header Authorization: Bearer, a space, and the token."))
	case code == "token_expired":
		refuse(c, errTokenExpired)
	default:
		refuse(c, errInvalidToken)
	}
}

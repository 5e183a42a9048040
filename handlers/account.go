package handlers

import (
	"errors"
	"net/http"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"example.com/handshake/middleware"
	"example.com/handshake/models"
)

const (
	minPasswordCharacters = 8
	maxPasswordCharacters = 128
)

var usernamePattern = regexp.MustCompile(`^[A-Za-z0-9._-]{3,32}$`)

// account has the routes of a person's own account.
type account struct {
	users    models.Users
	attempts models.Attempts
	now      func() time.Time
}

// credentials is the body of register and of login.
type credentials struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

type userReply struct {
	ID        string    `json:"id"`
	Username  string    `json:"username"`
	CreatedAt time.Time `json:"created_at"`
}

func (a account) register(c *gin.Context) error {
	var in credentials
	if err := readBody(c, &in); err != nil {
		return err
	}
	if err := in.validate(); err != nil {
		return err
	}
	wait, err := a.attempts.Register(c.Request.Context(), c.ClientIP(), a.now())
	if err != nil {
		return err
	}
	if wait > 0 {
		return tooManyAttempts(wait)
	}
	hash, err := models.HashPassword(c.Request.Context(), in.Password)
	if err != nil {
		return err
	}
	user, err := a.users.Create(c.Request.Context(), in.Username, hash, a.now())
	if errors.Is(err, models.ErrConflict) {
		return &middleware.Refusal{
			Code: "username_taken", Detail: "This username is taken. Choose another.",
			Fields: []middleware.FieldFault{{Field: "username", Detail: "This username is taken."}},
		}
	}
	if err != nil {
		return err
	}
	c.JSON(http.StatusCreated, gin.H{"user": userReply{user.ID, user.Username, user.CreatedAt}})
	return nil
}

// validate lists every fault at once, so that a person mends them in one go.
func (in credentials) validate() error {
	var faults []middleware.FieldFault
	if !usernamePattern.MatchString(in.Username) {
		faults = append(faults, middleware.FieldFault{Field: "username", Detail: "Use 3 to 32 of the letters A-Z and a-z, digits, dot, underscore and hyphen."})
	}
	switch n := utf8.RuneCountInString(models.NormalizePassword(in.Password)); {
	case n < minPasswordCharacters || n > maxPasswordCharacters:
		faults = append(faults, middleware.FieldFault{Field: "password", Detail: "Use 8 to 128 characters, of any kind."})
	case models.IsCommonPassword(in.Password):
		faults = append(faults, middleware.FieldFault{Field: "password", Detail: "It is one of the most commonly used. Choose another."})
	case strings.EqualFold(in.Password, in.Username):
		faults = append(faults, middleware.FieldFault{Field: "password", Detail: "It is the username. Choose another."})
	}
	if faults == nil {
		return nil
	}
	return &middleware.Refusal{Code: "invalid_input", Detail: "Some of this cannot be taken as it is.", Fields: faults}
}

// me tells a client what its token stands for.
func (a account) me(c *gin.Context) error {
	who := middleware.CurrentSession(c)
	user, err := a.users.ByID(c.Request.Context(), who.UserID)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{
		"user":    userReply{user.ID, user.Username, user.CreatedAt},
		"session": gin.H{"id": who.SessionID},
		"token":   gin.H{"id": who.TokenID, "expires_at": who.ExpiresAt},
	})
	return nil
}

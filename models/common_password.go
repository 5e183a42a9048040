package models

import (
	_ "embed"
	"strings"
)

// commonPasswordText has the 5,000 commonest passwords of at least 8 characters, in
// lower case, from the npm package @zxcvbn-ts/language-common 4.1.3, whose licence
// is in common_passwords.LICENSE.
//
//go:embed common_passwords.txt
var commonPasswordText string

var commonPasswords = func() map[string]struct{} {
	set := map[string]struct{}{}
	for password := range strings.Lines(commonPasswordText) {
		set[strings.TrimSpace(password)] = struct{}{}
	}
	return set
}()

// IsCommonPassword tells whether the password, in whatever case, is among those
// that an attacker tries first.
func IsCommonPassword(password string) bool {
	_, common := commonPasswords[strings.ToLower(password)]
	return common
}

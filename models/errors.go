package models

import (
	"errors"
	"fmt"

	"gorm.io/gorm"
)

var (
	// ErrNotFound means that the row is absent, expired, ended or somebody else's:
	// the caller need not, and should not, know which.
	ErrNotFound = errors.New("not found")
	// ErrConflict means that a unique column already has that value.
	ErrConflict = errors.New("already taken")
	// ErrUnavailable means that the database failed or did not answer in time.
	ErrUnavailable = errors.New("the database is unavailable")
)

// translate turns what gorm and the SQLite drivers say into the errors above.
func translate(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrNotFound), errors.Is(err, ErrUnavailable): // translated before
		return err
	case errors.Is(err, gorm.ErrRecordNotFound):
		return ErrNotFound
	case isUniqueViolation(err):
		return ErrConflict
	default:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
}

// oneRow is for a statement that must change exactly one row.
func oneRow(changed int, err error) error {
	if err == nil && changed == 0 {
		return ErrNotFound
	}
	return translate(err)
}

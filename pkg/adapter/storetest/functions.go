package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// Tokens asks another function about Zoho's token, as the consumers and getZohoToken do.
type Tokens interface {
	Token(ctx context.Context, bad int64) (crm.Access, error)
	Refresh(ctx context.Context, bad int64) error
}

// Answers is what stands behind the functions of a FunctionLab. What it is asked with decides what it answers.
type Answers struct{}

// What Answers is asked with, as the version of a bad token.
const (
	askToken int64 = 7
	askFault int64 = 8
	askPanic int64 = 9
)

// canary is what a function must keep to itself.
const canary = "canary"

var (
	theToken = crm.Access{
		Token: crm.NewSecret("1000." + canary + ".è"), Version: askToken + 1, Base: "https://www.zohoapis.eu",
		Expires: time.Date(2026, 11, 21, 12, 0, 0, 5e8, time.UTC),
	}
	theFault = &fault.Error{Op: "zoho.Refresh", Kind: fault.Denied, Code: "invalid_code", After: 90 * time.Second, Err: errors.New("why")}
)

// Token is a token, a fault or a panic.
func (Answers) Token(_ context.Context, bad int64) (crm.Access, error) {
	switch bad {
	case askFault:
		return crm.Access{}, theFault
	case askPanic:
		panic(canary)
	}
	return theToken, nil
}

// Refresh is a success, a fault or a panic.
func (a Answers) Refresh(ctx context.Context, bad int64) error {
	_, err := a.Token(ctx, bad)
	return err
}

// Run is what the schedule calls; the suite does not.
func (Answers) Run(context.Context) error { return errors.New("nobody schedules this one") }

// FunctionLab is a pair of functions that answer from Answers, and one that was never made. Token is asked of the first,
// Refresh of the second.
type FunctionLab struct{ Token, Refresh, None Tokens }

// TestFunctions holds the way from one function to another to its rules. A rule listed in known must be broken.
func TestFunctions(t *testing.T, known map[string]string, open func(t *testing.T) FunctionLab) {
	hold(t, functionRules, known, func(t *testing.T) functionBench { return functionBench{open(t), t.Context()} })
}

type functionBench struct {
	FunctionLab
	ctx context.Context
}

// both asks both functions and returns the two errors.
func (b functionBench) both(bad int64) [2]error {
	_, err := b.Token.Token(b.ctx, bad)
	return [2]error{err, b.Refresh.Refresh(b.ctx, bad)}
}

var functionRules = []rule[functionBench]{
	{"a token crosses whole", func(b functionBench) error {
		got, err := b.Token.Token(b.ctx, askToken)
		return first(err, want("the token", got.Token.Reveal(), theToken.Token.Reveal()), want("the version", got.Version, theToken.Version),
			want("the expiry", got.Expires.Equal(theToken.Expires), true), want("the base", got.Base, theToken.Base))
	}},
	{"a refresh that succeeded is a success", func(b functionBench) error { return b.Refresh.Refresh(b.ctx, askToken) }},
	{"a fault keeps its kind, its code, its wait and its words", func(b functionBench) error {
		for _, err := range b.both(askFault) {
			f, ok := errors.AsType[*fault.Error](err)
			if !ok || f.Kind != theFault.Kind || f.After != theFault.After || f.Error() != theFault.Error() {
				return fmt.Errorf("it crossed as %w", err)
			}
		}
		return nil
	}},
	{"a function that panicked is down, and its words stay in its log", func(b functionBench) error {
		for _, err := range b.both(askPanic) {
			if fault.KindOf(err) != fault.Down || strings.Contains(err.Error(), canary) {
				return fmt.Errorf("it crossed as %w", err)
			}
		}
		return nil
	}},
	{"a function that is not there is a fault of the setup", func(b functionBench) error {
		if _, err := b.None.Token(b.ctx, askToken); fault.KindOf(err) != fault.Setup {
			return fmt.Errorf("the call ended with %w", err)
		}
		return nil
	}},
}

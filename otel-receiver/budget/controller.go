package budget

import (
	"errors"
	"fmt"
	"math/bits"
)

// MaxRate is the highest rate: one packet of so many.
const MaxRate = 1 << 16

// What makes the controller slow to count more packets: it waits for calmSteps
// below half of the budget, and twice as long as before, up to maxCalmSteps, when
// the last attempt was too much within regretSteps.
const (
	calmSteps    = 10
	maxCalmSteps = 640
	regretSteps  = 30
)

// Config says what a capture may use.
type Config struct {
	// CPU is the budget in thousandths of a core; 0 is none.
	CPU int
	// Least is the rate below which it never goes: one packet of so many; 0 is 1.
	Least uint32
}

// Validate says what is wrong.
func (c Config) Validate() error {
	switch {
	case c.CPU < 0:
		return errors.New("budget of less than no processor time")
	case c.Least > MaxRate:
		return fmt.Errorf("least rate %d: want at most %d", c.Least, MaxRate)
	}
	return nil
}

// Controller says what rate a capture needs, from what it uses. Rates are the
// least one and powers of two above it. It is not for concurrent use.
type Controller struct {
	cfg  Config
	rate uint32
	// settling is set for the step after more packets were left out: what it used
	// then is in part that of the rate before.
	settling bool
	calm     int  // steps below half of the budget
	need     int  // how many there must be
	trying   bool // the rate was lowered, which may turn out to be too much
	tried    int  // steps since then
}

// New returns a controller at the least rate.
func New(cfg Config) *Controller {
	cfg.Least = min(max(cfg.Least, 1), MaxRate)
	return &Controller{cfg: cfg, rate: cfg.Least, need: calmSteps}
}

// Rate returns the rate that is to be in force.
func (c *Controller) Rate() uint32 { return c.rate }

// Force tells that another rate is in force than the controller has asked for.
func (c *Controller) Force(rate uint32) {
	c.rate, c.calm, c.settling = max(rate, c.cfg.Least), 0, false
}

// Next takes what was used in the last step, about a second, in thousandths of a
// core, and returns the rate from now on.
//
// Above the budget the rate is doubled, or as often as what is used is above the
// budget when that is more, at most every other step. After ten steps in a row
// below half of the budget it is halved, which can use up to twice as much and so
// fits; when it does not, since there are more packets now, the next attempt
// waits longer.
func (c *Controller) Next(used int) uint32 {
	if c.cfg.CPU <= 0 {
		return c.rate
	}
	if c.tried++; c.trying && c.tried > regretSteps {
		c.trying, c.need = false, calmSteps
	}
	switch {
	case used > c.cfg.CPU:
		c.calm = 0
		if c.settling {
			c.settling = false
			break
		}
		c.raise(used)
	case used*2 < c.cfg.CPU:
		c.settling = false
		if c.calm++; c.calm >= c.need && c.rate > c.cfg.Least {
			c.rate, c.calm = max(below(c.rate), c.cfg.Least), 0
			c.trying, c.tried = true, 0
		}
	default:
		c.settling, c.calm = false, 0
	}
	return c.rate
}

func (c *Controller) raise(used int) {
	if c.rate >= MaxRate {
		return
	}
	if c.trying {
		c.trying, c.need = false, min(2*c.need, maxCalmSteps)
	}
	factor := uint64(max((used+c.cfg.CPU-1)/c.cfg.CPU, 2))
	c.rate = uint32(min(above(uint64(c.rate)*factor), MaxRate))
	c.settling = true
}

// above returns the power of two that is not less than n.
func above(n uint64) uint64 {
	if n >= MaxRate {
		return MaxRate
	}
	return 1 << bits.Len64(n-1)
}

// below returns the power of two below n.
func below(n uint32) uint32 {
	if n <= 2 {
		return 1
	}
	return 1 << (bits.Len32(n-1) - 1)
}

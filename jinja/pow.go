package jinja

import (
	"math"
	"math/big"
)

// powBits is the precision of intermediate results: enough for the final
// rounding to be that of the exact value.
const powBits = 256

func bigFloat(f float64) *big.Float { return new(big.Float).SetPrec(powBits).SetFloat64(f) }

// pow returns x to the power of y for a finite positive x and a finite y,
// rounded to the nearest float. The standard library's function can be off by
// the last digit, which printing would show.
func pow(x, y float64) float64 {
	estimate := y * math.Log(x)
	switch {
	case x == 1 || y == 0:
		return 1
	case estimate > 720:
		return math.Inf(1)
	case estimate < -760:
		return 0
	}
	z := new(big.Float).SetPrec(powBits).Mul(bigFloat(y), ln(x))
	f, _ := exp(z).Float64()
	return f
}

// ln returns the natural logarithm of x.
func ln(x float64) *big.Float {
	mantissa, exponent := math.Frexp(x)
	if mantissa < math.Sqrt2/2 {
		mantissa *= 2
		exponent--
	}
	out := new(big.Float).SetPrec(powBits).Mul(bigFloat(float64(exponent)), ln2())
	return out.Add(out, lnNear(bigFloat(mantissa)))
}

// ln2 returns the natural logarithm of 2.
func ln2() *big.Float { return lnNear(bigFloat(2)) }

// lnNear returns the natural logarithm of m, a number near 1, by the series
// of the inverse hyperbolic tangent.
func lnNear(m *big.Float) *big.Float {
	one := bigFloat(1)
	t := new(big.Float).SetPrec(powBits).Sub(m, one)
	t.Quo(t, new(big.Float).SetPrec(powBits).Add(m, one))
	square := new(big.Float).SetPrec(powBits).Mul(t, t)
	sum := new(big.Float).SetPrec(powBits)
	for k, power := 1.0, t; power.Sign() != 0; k += 2 {
		term := new(big.Float).SetPrec(powBits).Quo(power, bigFloat(k))
		if sum.Sign() != 0 && term.MantExp(nil) < sum.MantExp(nil)-powBits {
			break
		}
		sum.Add(sum, term)
		power = new(big.Float).SetPrec(powBits).Mul(power, square)
	}
	return sum.Add(sum, sum)
}

// exp returns e to the power of z.
func exp(z *big.Float) *big.Float {
	f, _ := z.Float64()
	// e^z is 2^n times e^r with a small r.
	n := math.Round(f / math.Ln2)
	r := new(big.Float).SetPrec(powBits).Mul(bigFloat(n), ln2())
	r.Sub(z, r)
	sum, term := bigFloat(1), bigFloat(1)
	for k := 1.0; term.Sign() != 0; k++ {
		term.Mul(term, r)
		term.Quo(term, bigFloat(k))
		if term.Sign() != 0 && term.MantExp(nil) < -powBits {
			break
		}
		sum.Add(sum, term)
	}
	return sum.SetMantExp(sum, int(n))
}

//! φ, the suspicion of the φ accrual failure detector (Hayashibara et al. 2004): -log10 of the
//! probability that the next heartbeat comes later than now.

/// φ of the exponential distribution.
#[must_use]
pub fn exponential(elapsed: f64, mean: f64) -> f64 {
    elapsed / mean * std::f64::consts::LOG10_E
}

/// φ of the normal distribution. The logarithm is taken before the tail underflows.
#[must_use]
pub fn normal(elapsed: f64, mean: f64, deviation: f64) -> f64 {
    let z = (elapsed - mean) / deviation / std::f64::consts::SQRT_2;
    // ln erfc(|z|), by Numerical Recipes' Chebyshev fit: fractional error below 1.2e-7.
    const COEFFICIENTS: [f64; 10] = [
        -1.265_512_23,
        1.000_023_68,
        0.374_091_96,
        0.096_784_18,
        -0.186_288_06,
        0.278_868_07,
        -1.135_203_98,
        1.488_515_87,
        -0.822_152_23,
        0.170_872_77,
    ];
    let t = 1.0 / (1.0 + 0.5 * z.abs());
    let fit = COEFFICIENTS.iter().rev().fold(0.0, |sum, coefficient| sum * t + coefficient);
    let ln_half_erfc = (0.5 * t).ln() - z * z + fit;
    let ln_later = if z >= 0.0 { ln_half_erfc } else { (-ln_half_erfc.exp()).ln_1p() };
    -ln_later * std::f64::consts::LOG10_E
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phi_of_8_is_18_42_means_with_the_exponential_tail() {
        assert!((exponential(18.42, 1.0) - 8.0).abs() < 1e-3);
    }

    #[test]
    fn phi_of_1_2_and_3_are_a_tenth_a_hundredth_and_a_thousandth() {
        // Quantiles of the normal distribution.
        for (deviations, phi) in [(1.281_55, 1.0), (2.326_35, 2.0), (3.090_23, 3.0)] {
            let found = normal(10.0 + deviations, 10.0, 1.0);
            assert!((found - phi).abs() < 1e-4, "{found}");
        }
        assert!((normal(0.0, 1.0, 1.0) - 0.075_0).abs() < 1e-3);
        // No cap is needed: 1,000 deviations are e^-500,000.
        assert!((normal(1_001.0, 1.0, 1.0) - 217_150.0).abs() < 10.0);
    }
}

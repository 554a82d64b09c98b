use super::*;

#[test]
fn the_window_keeps_the_last_intervals() {
    let config = Config::default();
    let mut now = Instant::ZERO;
    let mut phi = Phi::new(&config, now);
    let mut beat = |phi: &mut Phi, millis: u64, count: usize| {
        for _ in 0..count {
            now = now.after(Duration::from_millis(millis));
            phi.on_heartbeat(&config, now);
        }
        now
    };
    beat(&mut phi, 100, 50);
    let now = beat(&mut phi, 1_000, WINDOW);
    let at = |seconds: f64| now.after(Duration::from_secs_f64(seconds));
    assert!(!phi.is_failed(&config, at(18.4)));
    assert!(phi.is_failed(&config, at(18.5)));
    assert!(!phi.is_over(&config, at(36.8)) && phi.is_over(&config, at(36.9)));
}

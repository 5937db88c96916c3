//! Strips of several frames that geometry says are views of one code.

use super::sight::{SamePlaceRule, StripSight, same_place};

/// A strip that looks for its like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member {
    /// Its frame; one code is in one place of a frame, so a group has at most one member of each.
    pub(super) frame: usize,
    /// Where it is seen.
    pub(super) sight: StripSight,
}

/// Groups of two members or more, each in ascending order, by indices into `members`.
///
/// The pairs that meet best come first; a group grows as long as all of its members meet in one place. Nothing depends on anything but the
/// members and their order.
pub(super) fn groups(members: &[Member], rule: &SamePlaceRule, most: usize) -> Vec<Vec<usize>> {
    let mut pairs: Vec<(f64, usize, usize)> = Vec::new();
    for (i, a) in members.iter().enumerate() {
        for (j, b) in members.iter().enumerate().skip(i + 1).filter(|(_, b)| b.frame != a.frame) {
            if let Some(miss) = same_place(&[a.sight, b.sight], rule) {
                pairs.push((miss, i, j));
            }
        }
    }
    pairs.sort_by(|p, q| p.0.total_cmp(&q.0).then((p.1, p.2).cmp(&(q.1, q.2))));
    let mut of: Vec<usize> = (0..members.len()).collect();
    let mut groups: Vec<Vec<usize>> = (0..members.len()).map(|i| vec![i]).collect();
    for (_, i, j) in pairs {
        let (keep, join) = (of[i].min(of[j]), of[i].max(of[j]));
        if keep == join || groups[keep].len() + groups[join].len() > most {
            continue;
        }
        let all: Vec<usize> = groups[keep].iter().chain(&groups[join]).copied().collect();
        let frames_differ = all.iter().enumerate().all(|(n, a)| all[n + 1..].iter().all(|b| members[*a].frame != members[*b].frame));
        let sights: Vec<StripSight> = all.iter().map(|m| members[*m].sight).collect();
        if frames_differ && same_place(&sights, rule).is_some() {
            for m in &groups[join] {
                of[*m] = keep;
            }
            groups[join].clear();
            groups[keep] = all;
        }
    }
    groups.retain(|g| g.len() >= 2);
    groups.iter_mut().for_each(|g| g.sort_unstable());
    groups
}

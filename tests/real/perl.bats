#!/usr/bin/env bats
load real

@test "perl: a million hash operations" {
    export PERL_HASH_SEED=0 PERL_PERTURB_KEYS=0
    alike perl -e '
        my (%hash, $sum);
        for my $i (1 .. 400_000) { $hash{"key " . $i % 150_000} .= $i }
        for my $i (1 .. 400_000) { $sum += length($hash{"key " . $i * 7 % 200_000} // "") }
        for my $i (1 .. 200_000) { delete $hash{"key " . $i * 3} }
        print scalar(keys %hash), " $sum\n";
        print join(",", (sort keys %hash)[0 .. 20]), "\n";
        warn "a warning\n";
        exit 9'
    [ "$status" -eq 9 ]
    accounted
}
